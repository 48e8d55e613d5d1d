/** A list of verbs, each of them on a line as a whole. */
export function Verbs({ verbs }: { readonly verbs: readonly string[] }) {
  return verbs.map(verb => (
    <span key={verb} class="verb">
      {verb}
    </span>
  ));
}
