import { useRef } from 'preact/hooks';
import type { ApiObject } from '../api/objects.js';
import { ApiRequest, type ObjectName } from '../api/requests.js';
import { isAge, readTable, type Table } from '../api/table.js';
import type { Source } from '../live/source.js';
import { useLoaded, useNow } from '../parts/hooks.js';
import { RequestBar } from '../parts/request-bar.js';
import { WideTable } from '../parts/wide-table.js';
import { Cell } from './cell.js';

/** Milliseconds for which changes of an object are gathered before its row is read again. */
const gathering = 1_000;

/** The row that the API server prints for an object, as kubectl shows it, with the request for it. It is read again when the object changes. */
export function ObjectRow({
  source,
  object,
  version,
}: {
  readonly source: Source;
  readonly object: ObjectName;
  readonly version: string;
}) {
  const now = useNow();
  const last = useRef<{ readonly table: Table; readonly readAt: number } | undefined>(undefined);
  const request = ApiRequest.object(source.prefix, source.index, object, 'table');
  const read = useLoaded(
    async signal => {
      if (last.current !== undefined) await source.page.wait(gathering, signal);
      return { table: readTable(await source.client.json<ApiObject>(request, signal)), readAt: Date.now() };
    },
    [source, version],
  );
  if (read.kind === 'ready') last.current = read.value;
  if (read.kind === 'failed' || last.current === undefined) return null;
  const { table, readAt } = last.current;
  const [row] = table.rows;
  if (row === undefined) return null;
  const shown = table.columns
    .map((column, at) => ({ column, at }))
    .filter(({ column: { priority } }) => priority === 0);
  return (
    <section class="object-row">
      <WideTable label="As a table" heads={shown.map(({ column: { name } }) => name)}>
        <tr>
          {shown.map(({ column, at }) => (
            <td key={column.name}>
              <Cell
                {...{ column, now, readAt }}
                value={row.cells[at]}
                created={isAge(column) ? row.metadata.creationTimestamp : undefined}
                href={undefined}
              />
            </td>
          ))}
        </tr>
      </WideTable>
      <RequestBar title="As a table" request={request} action={{ kind: 'row', ...object }} />
    </section>
  );
}
