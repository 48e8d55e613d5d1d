import type { ComponentChildren } from 'preact';
import type { StreamState } from '../api/follow.js';

/** What went wrong. */
export function Problem({ children }: { readonly children: ComponentChildren }) {
  return (
    <div class="problem" role="alert">
      {children}
    </div>
  );
}

/** Instead of what is on its way. */
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

/** How a stream is, in a word; why, if it is not. */
export function StreamBadge({ state }: { readonly state: StreamState }) {
  return (
    <span class={`badge stream ${state.kind}`} role="status">
      <span class="dot" aria-hidden="true" />
      {words[state.kind]}
      {state.kind === 'away' && <span class="muted">: {state.reason}; trying again</span>}
    </span>
  );
}
