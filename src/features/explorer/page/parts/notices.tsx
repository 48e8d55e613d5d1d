import type { ComponentChildren } from 'preact';
import type { StreamState } from '../api/follow.js';

/** A problem, in words. */
export function Problem({ children }: { readonly children: ComponentChildren }) {
  return (
    <div class="problem" role="alert">
      {children}
    </div>
  );
}

/** A placeholder for content that is being loaded. */
export function Skeleton({ lines = 6 }: { readonly lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} />
      ))}
    </div>
  );
}

const words = {
  connecting: 'connecting',
  ended: 'ended',
  live: 'live',
  paused: 'paused while hidden',
  away: 'not answering',
};

/** The state of a stream in one word, with the reason if it is away. */
export function StreamBadge({ state }: { readonly state: StreamState }) {
  return (
    <span class={`badge stream ${state.kind}`} role="status">
      <span class="dot" aria-hidden="true" />
      {words[state.kind]}
      {state.kind === 'away' && <span class="muted">: {state.reason}; trying again</span>}
    </span>
  );
}
