import type { ComponentChildren, RefObject } from 'preact';

/** A box that scrolls its content. It can have the focus, so that the keyboard scrolls it too. */
export function ScrollBox({
  label,
  kind,
  box,
  onScroll,
  children,
}: {
  readonly label: string;
  readonly kind: string;
  readonly box?: RefObject<HTMLElement | null>;
  readonly onScroll?: (element: HTMLElement) => void;
  readonly children: ComponentChildren;
}) {
  return (
    <section
      class={kind}
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      {...(box !== undefined && { ref: box })}
      onScroll={({ currentTarget }) => onScroll?.(currentTarget)}
    >
      {children}
    </section>
  );
}
