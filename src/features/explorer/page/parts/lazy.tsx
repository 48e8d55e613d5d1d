import type { ComponentType } from 'preact';
import { useLoaded } from './hooks.js';
import { Problem, Skeleton } from './notices.js';

/** A view whose code is loaded when it is first opened. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  return props => {
    const code = useLoaded(load, []);
    if (code.kind === 'failed') return <Problem>{code.problem}</Problem>;
    if (code.kind === 'loading') return <Skeleton lines={14} />;
    const View = code.value;
    return <View {...props} />;
  };
}
