import type { ApiObject } from '../api/objects.js';
import { LiveList, type LiveRow } from '../live/live-list.js';
import type { Source } from '../live/source.js';
import { useModel, useNow } from '../parts/hooks.js';
import { WideTable } from '../parts/wide-table.js';
import { Cell } from './cell.js';

/** The events of an object, live: events of the core group that are about it. */
export function ObjectEvents({ source, object }: { readonly source: Source; readonly object: ApiObject }) {
  const { uid = '', namespace = '' } = object.metadata ?? {};
  const resource = source.index.preferred('', 'events');
  if (resource === undefined || uid === '' || object.kind === 'Event') return null;
  // An object without a namespace has its events in `default` or another namespace.
  return (
    <Events
      key={uid}
      source={source}
      scope={{ resource, namespace, fieldSelector: `involvedObject.uid=${uid}` }}
    />
  );
}

function Events({
  source,
  scope,
}: {
  readonly source: Source;
  readonly scope: ConstructorParameters<typeof LiveList>[1];
}) {
  const list = useModel(() => new LiveList(source, scope), [source]);
  const now = useNow();
  const { columns, rows, error, progress } = list;
  if (progress !== undefined) return null;
  const shown = columns
    .map((column, index) => ({ column, index }))
    .filter(({ column: { name, priority } }) => {
      return priority === 0 && name !== 'Object';
    });
  return (
    <section>
      <h2>Events</h2>
      {error !== undefined && <p class="muted">They cannot be read: {error}</p>}
      {error === undefined && rows.size === 0 && <p class="muted">No events in the last hour or so.</p>}
      {rows.size > 0 && (
        <WideTable label="Events" heads={shown.map(({ column: { name } }) => name)}>
          {[...rows.values()].sort(laterFirst).map(({ name, cells, changes, readAt }) => (
            <tr key={name} class={changes === 0 ? undefined : `changed-${changes % 2}`}>
              {shown.map(({ column, index }) => (
                <td key={column.name}>
                  <Cell
                    {...{ column, now, readAt }}
                    value={cells[index]}
                    created={undefined}
                    href={undefined}
                  />
                </td>
              ))}
            </tr>
          ))}
        </WideTable>
      )}
    </section>
  );
}

/** The latest event comes first. Versions of one resource are growing numbers (KEP-5504). */
function laterFirst(a: LiveRow, b: LiveRow): number {
  return Number(b.metadata.resourceVersion) - Number(a.metadata.resourceVersion) || 0;
}
