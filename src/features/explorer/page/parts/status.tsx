import type { ComponentChildren } from 'preact';

/** A short state with a coloured dot. The meaning is in the words, so a user who cannot see the colour misses nothing. */
export function Status({
  kind,
  children,
}: {
  readonly kind: 'good' | 'bad' | 'none';
  readonly children: ComponentChildren;
}) {
  return (
    <span class={`status ${kind}`}>
      <span class="dot" aria-hidden="true" />
      {children}
    </span>
  );
}
