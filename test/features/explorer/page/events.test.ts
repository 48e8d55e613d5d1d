import assert from 'node:assert/strict';
import { it } from 'node:test';
import { eventOf, isEvents } from '../../../../src/features/explorer/page/api/events.js';
import { ApiRequest } from '../../../../src/features/explorer/page/api/requests.js';
import { readTable, rowsNamed, sortRows } from '../../../../src/features/explorer/page/api/table.js';
import { recorded, resourceOf } from './recorded-index.js';

const event = (name: string, fields: object) => ({
  kind: 'Event',
  metadata: { name, namespace: 'a' },
  ...fields,
});
const time = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
const columns = ['Last Seen', 'Reason', 'Object'].map(name => ({ name, type: 'string' }));
const table = {
  kind: 'Table',
  columnDefinitions: columns,
  rows: [
    { cells: ['2m', 'Pulled', 'pod/web-0'], object: event('a', { lastTimestamp: time(3) }) },
    {
      cells: ['10s', 'Killing', 'pod/web-1'],
      object: event('b', { eventTime: '2026-01-01T00:00:09.000001Z' }),
    },
    {
      cells: ['9m', 'BackOff', 'job/web-0'],
      object: event('c', {
        series: { lastObservedTime: time(7) },
        eventTime: time(1),
        lastTimestamp: time(59),
      }),
    },
    { cells: ['1s', 'None', 'pod/x'], object: event('d', {}) },
  ],
};

it('events come newest first, by the time that each was last seen, and by their column in both directions', () => {
  const { rows, columns: read } = readTable(table);
  const names = (sorted: readonly { name: string }[]) => sorted.map(({ name }) => name).join('');
  assert.equal(names(sortRows(rows, undefined)), 'bcad');
  const [column = assert.fail()] = read;
  assert.equal(names(sortRows(rows, { column, index: 0, isDescending: false })), 'bcad');
  assert.equal(names(sortRows(rows, { column, index: 0, isDescending: true })), 'dacb');
  assert.equal(names(rowsNamed(rows, 'killing', read)), 'b');
  assert.equal(names(rowsNamed(rows, 'WEB-0', read)), 'ac');
  assert.equal(names(rowsNamed(rows, '10s', read)), '', 'ages are not searched');
  // Other objects are found by their names alone.
  const pods = rows.map(row => ({ ...row, event: undefined }));
  assert.equal(names(rowsNamed(pods, 'killing', read)), '');
});

it('an event is read whatever its fields are', () => {
  assert.equal(eventOf({ kind: 'Pod' }), undefined);
  const nothing = { apiVersion: '', kind: '', namespace: '', name: '' };
  for (const fields of [
    {},
    { series: 7, eventTime: {}, lastTimestamp: null, involvedObject: 'x' },
    {
      series: [],
      eventTime: 'never',
      involvedObject: { kind: {}, name: ['x'], namespace: 7, apiVersion: null },
    },
  ])
    assert.deepEqual(eventOf({ kind: 'Event', ...fields }), { time: 0, about: nothing });
  const regarding = { apiVersion: 'v1', kind: 'Pod', namespace: 'a', name: 'b' };
  const read = eventOf({ kind: 'Event', regarding, deprecatedLastTimestamp: time(5) });
  assert.deepEqual(read, { time: Date.parse(time(5)), about: regarding });
});

it('only requests for rows of events ask for the events themselves', () => {
  const events = { resource: resourceOf('', 'events'), namespace: 'a' };
  const pods = { resource: resourceOf('', 'pods'), namespace: 'a' };
  const asked = (list: typeof pods) => [
    ApiRequest.list('', recorded, list).apiPath,
    ApiRequest.list('', recorded, list, {}, 'metadata').apiPath,
    ApiRequest.watch('', recorded, list, '', 'table').apiPath,
    ApiRequest.watch('', recorded, list, '', 'object').apiPath,
    ApiRequest.object('', recorded, { ...list, name: 'x' }, 'table').apiPath,
    ApiRequest.object('', recorded, { ...list, name: 'x' }).apiPath,
  ];
  const has = (path: string) => path.includes('includeObject=Object');
  assert.deepEqual(asked(events).map(has), [true, false, true, false, true, false]);
  assert.deepEqual(asked(pods).filter(has), []);
  assert.deepEqual(
    [isEvents(resourceOf('events.k8s.io', 'events')), isEvents({ group: 'x.io', name: 'events' })],
    [true, false],
  );
});
