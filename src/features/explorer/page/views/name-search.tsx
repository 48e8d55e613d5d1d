import { useLayoutEffect, useRef } from 'preact/hooks';

/** Finds objects by a part of their name. With each key the text is in the address, where it replaces the one before. */
export function NameSearch({
  name,
  label,
  hrefOf,
}: {
  readonly label: string;
  /** The text in the address. */
  readonly name: string;
  readonly hrefOf: (name: string) => string;
}) {
  const box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    // While the user types, the address follows the box.
    if (box.current !== null && box.current !== document.activeElement) box.current.value = name;
  }, [name]);
  return (
    <input
      ref={box}
      type="search"
      placeholder={label}
      aria-label={label}
      spellcheck={false}
      onInput={({ currentTarget }) => location.replace(hrefOf(currentTarget.value))}
    />
  );
}
