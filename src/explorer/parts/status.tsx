import type { ComponentChildren } from 'preact';

/** A short state with a coloured dot. The words carry the meaning, and the colour only supports it. */
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
