import type { ComponentChildren } from 'preact';
import { ScrollBox } from './scroll-box.js';

/** A table that scrolls sideways inside its own box if it is wider than the page. Its children are the rows. */
export function WideTable({
  label,
  kind = 'plain',
  heads,
  children,
}: {
  readonly label: string;
  readonly kind?: string;
  /** The headings of the columns. */
  readonly heads: readonly string[];
  readonly children: ComponentChildren;
}) {
  return (
    <ScrollBox kind="wide-box" label={label}>
      <table class={kind}>
        <thead>
          <tr>
            {heads.map(head => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </ScrollBox>
  );
}
