import { useLoaded } from '../parts/hooks.js';
import { Problem, Skeleton } from '../parts/notices.js';
import type { LogViewProps } from './log-view.js';

/** The log of a Pod's container. Its code is loaded when a log is first opened. */
export function LazyLogView(props: LogViewProps) {
  const code = useLoaded(() => import('./log-view.js'), []);
  if (code.kind === 'failed') return <Problem>{code.problem}</Problem>;
  if (code.kind === 'loading') return <Skeleton lines={14} />;
  return <code.value.LogView {...props} />;
}
