/** A list of verbs. No verb is split between two lines. */
export function Verbs({ verbs }: { readonly verbs: readonly string[] }) {
  return verbs.map(verb => (
    <span key={verb} class="verb">
      {verb}
    </span>
  ));
}
