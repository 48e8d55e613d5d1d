import { useMemo, useState } from 'preact/hooks';
import type { ApiIndex } from '../api/discovery.js';
import { type EventFields, isEvents } from '../api/events.js';
import type { ListScope } from '../api/requests.js';
import { type Column, isAge, keyOf, sortRows } from '../api/table.js';
import type { LiveList, LiveRow } from '../live/live-list.js';
import { useNarrow, useNow } from '../parts/hooks.js';
import { linkToObject } from '../parts/links.js';
import { ScrollBox } from '../parts/scroll-box.js';
import { useVirtualRows } from '../parts/virtual-rows.js';
import { Cell } from './cell.js';
import { columnWidths, type Shown, shownColumns } from './columns.js';

/** Pixels. The style sheet has the same numbers. */
const rowHeights = { single: 33, stacked: 50 };

/** Milliseconds for which a change is marked. The style sheet fades the mark out in this time. */
const flashTime = 3_000;

/** Draws only the rows that are in view, however many there are. */
export function ObjectsTable({
  index,
  list,
  rows: found,
  name,
  scope,
  isWide,
}: {
  readonly index: ApiIndex;
  readonly list: LiveList;
  /** Those that are shown. */
  readonly rows: readonly LiveRow[];
  /** A part of their names. */
  readonly name: string;
  readonly scope: ListScope;
  readonly isWide: boolean;
}) {
  const { resource, namespace } = scope;
  const [order, setOrder] = useState<{ name: string; isDescending: boolean }>();
  const now = useNow();
  const isNarrow = useNarrow();
  const isOverAll = resource.namespaced && namespace === '';
  const isStacked = isOverAll && isNarrow;
  const rowHeight = rowHeights[isStacked ? 'stacked' : 'single'];
  const shown = shownColumns(list.columns, { isOverAll, isWide, isNarrow });
  const nameOfLinked = isEvents(resource) ? 'Object' : 'Name';
  const linked =
    shown.find(({ column }) => column.name === nameOfLinked) ?? shown.find(({ index }) => index === 0);
  const sortedBy = shown.find(({ column }) => column.name === order?.name);
  const rows = useMemo(() => {
    const isDescending = order?.isDescending === true;
    return sortRows(found, sortedBy && { ...sortedBy, isDescending });
  }, [found, sortedBy?.column.name, order?.isDescending]);
  const widths = useMemo(
    () => columnWidths(shown, [...list.rows.values()], isNarrow),
    [list.columns, isWide, isNarrow, list.rows.size > 0],
  );
  const { scroller, first, end, scrollTo } = useVirtualRows(rows.length, rowHeight);
  const sort = (column: string) =>
    setOrder({ name: column, isDescending: order?.name === column ? !order.isDescending : false });
  const keyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const row = (event.target as Element).closest<HTMLElement>('tr[aria-rowindex]');
    if (step === 0 || row === null) return;
    event.preventDefault();
    const index = Number(row.ariaRowIndex) - 2 + step;
    scrollTo(Math.max(0, Math.min(rows.length - 1, index)));
    requestAnimationFrame(() => {
      scroller.current?.querySelector<HTMLElement>(`tr[aria-rowindex="${index + 2}"] a`)?.focus();
    });
  };
  return (
    <ScrollBox kind="table-box" box={scroller} label={`Table of ${resource.name}`}>
      <table
        class={isStacked ? 'objects stacked' : 'objects'}
        aria-rowcount={rows.length + 1}
        style={{ minWidth: `${sum(widths)}ch` }}
      >
        <colgroup>
          {widths.map((width, at) => (
            <col key={shown[at]?.column.name} style={{ width: `${width}ch` }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {shown.map(({ column: { name: title, description } }) => (
              <th key={title} scope="col" aria-sort={sortOf(title, order)}>
                <button type="button" title={description} onClick={() => sort(title)}>
                  {title}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody onKeyDown={keyDown}>
          <Gap height={first * rowHeight} />
          {rows.slice(first, end).map((row, at) => (
            <ObjectRow
              key={keyOf(row)}
              position={first + at + 2}
              {...{ row, shown, linked, index, scope, now, isStacked }}
            />
          ))}
          <Gap height={(rows.length - end) * rowHeight} />
        </tbody>
      </table>
      {rows.length === 0 && list.progress === undefined && list.error === undefined && (
        <p class="nothing">
          No objects{namespace === '' ? '' : ` in ${namespace}`}
          {list.rows.size > 0 && ` whose name contains “${name.trim()}”`}.
        </p>
      )}
    </ScrollBox>
  );
}

function ObjectRow({
  row,
  position,
  shown,
  linked,
  index,
  scope,
  now,
  isStacked,
}: {
  readonly index: ApiIndex;
  readonly row: LiveRow;
  readonly position: number;
  readonly shown: readonly Shown[];
  /** The column whose cells are links to the objects. */
  readonly linked: Shown | undefined;
  readonly scope: ListScope;
  readonly now: number;
  /** Whether the namespace is below the name. */
  readonly isStacked: boolean;
}) {
  const { changes, changedAt, readAt, cells, namespace, name, metadata, event } = row;
  const own = linkToObject(scope.resource, namespace, name);
  const linkOf = (column: Column) => {
    if (column === linked?.column) return event === undefined ? own : (linkToSubject(index, event) ?? own);
    return event !== undefined && column.name === 'Reason' ? own : undefined;
  };
  // The animation has two names: it starts again when the name changes.
  const flash = now - changedAt < flashTime ? `changed-${changes % 2}` : undefined;
  return (
    <tr aria-rowindex={position} class={flash}>
      {shown.map(({ column, index: at }) => (
        <td key={column.name}>
          <Cell
            {...{ column, now, readAt }}
            value={at < 0 ? namespace : cells[at]}
            created={isAge(column) ? metadata.creationTimestamp : undefined}
            href={linkOf(column)}
          />
          {isStacked && column === linked?.column && <span class="within">{namespace}</span>}
        </td>
      ))}
    </tr>
  );
}

/** The object that an event is about; undefined if discovery does not list its kind, or its name is not valid. */
function linkToSubject(index: ApiIndex, { about }: EventFields): string | undefined {
  const resource = index.ofKind(about.apiVersion, about.kind);
  return resource && linkToObject(resource, about.namespace, about.name);
}

/** An empty row, as high as the rows that are not drawn. */
function Gap({ height }: { readonly height: number }) {
  return height > 0 ? <tr class="gap" style={{ height: `${height}px` }} /> : null;
}

function sortOf(name: string, order: { readonly name: string; readonly isDescending: boolean } | undefined) {
  if (order?.name !== name) return 'none';
  return order.isDescending ? 'descending' : 'ascending';
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
