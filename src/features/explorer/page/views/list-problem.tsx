import { isSegmentName, type ListScope } from '../api/requests.js';
import { inOrder } from '../api/table.js';
import { visitsOf } from '../api/visits.js';
import type { Source } from '../live/source.js';
import { Failed, Refused } from '../parts/can-i.js';
import { useStore } from '../parts/hooks.js';
import { linkToList } from '../parts/links.js';
import type { Loaded } from '../state.js';

/** The most links that are drawn. */
const most = 200;

/**
 * Why a list or a watch cannot be read. Where a user may not read all namespaces at once, it offers those that the user knows: those that
 * the API server lists for them, or else those that this browser has shown before.
 */
export function ListProblem({
  failed: { error, code },
  scope: { resource, namespace, labelSelector = '', fieldSelector = '' },
  source,
  verb,
  namespaces,
  rest,
}: {
  readonly source: Source;
  readonly verb: 'list' | 'watch';
  readonly failed: { readonly error: string | undefined; readonly code: number | undefined };
  readonly scope: ListScope;
  /** The namespaces that the user may list. */
  readonly namespaces: Loaded<readonly string[]>;
  /** What else the links have in their query. */
  readonly rest: Readonly<Record<string, string>>;
}) {
  const known = useKnownNamespaces(namespaces);
  if (error === undefined) return null;
  const asked = { verb, resource, namespace };
  if (code !== 403 || namespace !== '' || !resource.namespaced || known.names.length === 0)
    return <Failed {...{ source, asked, error, code }} />;
  const { names, areVisited } = known;
  return (
    <section class="choice">
      <h2>Choose a namespace</h2>
      <p role="status">
        You may not read {resource.name} in all namespaces at once.{' '}
        {areVisited ? 'This browser has shown you these before:' : 'You may see these:'}
      </p>
      <ul>
        {names.slice(0, most).map(name => (
          <li key={name}>
            <a href={linkToList(resource, name, { labelSelector, fieldSelector, ...rest })}>{name}</a>
          </li>
        ))}
      </ul>
      {names.length > most && <p>The menu above has {names.length - most} more.</p>}
      <p class="muted fine">{error}</p>
      <Refused source={source} asked={asked} />
    </section>
  );
}

function useKnownNamespaces(listed: Loaded<readonly string[]>) {
  const prefix = useStore(state => state.cluster?.prefix);
  const user = useStore(state => state.user);
  // An API server may list what is no name, and nothing can be asked with it.
  const names = listed.kind === 'ready' ? listed.value.filter(isSegmentName) : [];
  const caller = user.kind === 'ready' ? user.value.username : undefined;
  if (names.length > 0 || listed.kind === 'loading' || prefix === undefined || caller === undefined)
    return { names, areVisited: false };
  return { names: inOrder(visitsOf(prefix, caller).filter(name => name !== '')), areVisited: true };
}
