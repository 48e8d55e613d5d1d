/** Links to the views of one thing. The chosen one is marked as the current page. */
export function Tabs({
  label,
  tabs,
  chosen,
}: {
  readonly label: string;
  readonly tabs: readonly { readonly name: string; readonly title: string; readonly href: string }[];
  readonly chosen: string;
}) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ name, title, href }) => (
        <a key={name} href={href} aria-current={name === chosen ? 'page' : undefined}>
          {title}
        </a>
      ))}
    </nav>
  );
}
