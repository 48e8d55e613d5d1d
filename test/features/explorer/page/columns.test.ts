import assert from 'node:assert/strict';
import { it } from 'node:test';
import { columnWidths, shownColumns } from '../../../../src/features/explorer/page/views/columns.js';

const column = (name: string, priority = 0) => ({ name, type: 'string', description: '', priority });
const pods = [
  ...[column('Name'), column('Ready'), column('Status'), column('Restarts'), column('Age')],
  column('Node', 1),
];

function shown(columns: typeof pods, isNarrow: boolean, { isWide = false, isOverAll = true } = {}) {
  return shownColumns(columns, { isOverAll, isWide, isNarrow }).map(({ column: { name } }) => name);
}

it('the columns of a list are those of the server, after the namespace, and on a phone name and status first, which fit on it', () => {
  assert.deepEqual(shown(pods, false), ['Namespace', 'Name', 'Ready', 'Status', 'Restarts', 'Age']);
  assert.deepEqual(shown(pods, false, { isWide: true, isOverAll: false }).at(-1), 'Node');
  assert.deepEqual(shown(pods, true), ['Name', 'Status', 'Ready', 'Restarts', 'Age']);
  const events = [column('Last Seen'), column('Type'), column('Reason')];
  assert.deepEqual(shown(events, true), ['Last Seen', 'Type', 'Reason']);
  assert.deepEqual(shown([column('Phase'), column('Age')], true), ['Phase', 'Age']);
  const row = {
    ...{ namespace: 'a', name: 'n', metadata: {} },
    cells: ['a-very-long-name-of-a-pod-of-a-deployment-1234', '1/1', 'Init:CrashLoopBackOff', '0', '5d'],
  };
  const widths = (isNarrow: boolean) =>
    columnWidths(shownColumns(pods, { isOverAll: true, isWide: false, isNarrow }), [row], isNarrow);
  assert.deepEqual(widths(true).slice(0, 2), [23, 18]);
  assert.ok((widths(false)[1] ?? 0) > 40);
});
