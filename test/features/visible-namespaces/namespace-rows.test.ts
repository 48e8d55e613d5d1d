import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventLines, withType } from '../../../src/features/visible-namespaces/event-lines.js';
import {
  idOf,
  NamespaceList,
  readEvent,
  withoutObject,
} from '../../../src/features/visible-namespaces/namespace-rows.js';
import { assertLinear } from '../../support/growth.js';

const namespace = (name: string, version = 7, more = '') =>
  `{"metadata":{"name":"${name}","uid":"u-${name}","resourceVersion":"${version}"${more}},"n":1e400}`;
const listOf = (...items: string[]) =>
  `{"kind":"NamespaceList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[${items.join(',')}]}\n`;
const partialOf = (name: string) =>
  `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",${namespace(name).slice(1)}`;
const rowOf = (name: string) => `{"cells":["${name}","Active"],"object":${partialOf(name)}}`;
const columns = '[{"name":"Name"},{"name":"Status"}]';
const tableOf = (...rows: string[]) =>
  `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"9"},"columnDefinitions":${columns},"rows":[${rows.join(',')}]}`;

function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch {
    return 'refused';
  }
}

describe('a list of namespaces', () => {
  it('keeps the bytes of the rows that are shown, and of all around them', () => {
    const hostile = namespace('b', 7, ',"annotations":{"x":"]}\\",{\\"metadata\\":{\\"name\\":\\"a\\"}}"}');
    const cases = [
      [listOf(namespace('a'), hostile, namespace('c')), listOf(hostile), 'b'],
      [listOf(namespace('a'), hostile), listOf(namespace('a')), 'a'],
      [listOf(namespace('a')), listOf(), 'b'],
      [listOf().replace('[]', 'null'), listOf().replace('[]', 'null'), 'b'],
      [tableOf(rowOf('a'), rowOf('b')), tableOf(rowOf('b')), 'b'],
    ] as const;
    for (const [text, shown, name] of cases)
      assert.equal(
        new NamespaceList(text).only(row => row.name === name),
        shown,
      );
    const none = new NamespaceList(tableOf(rowOf('a'))).only(() => true, withoutObject);
    assert.equal(none, tableOf('{"cells":["a","Active"],"object":null}'));
  });

  it('is not read again if only what comes before its rows has changed', () => {
    for (const [text, name] of [
      [listOf(namespace('a'), namespace('b')), 'items'],
      [tableOf(rowOf('a'), rowOf('b')), 'rows'],
    ] as const) {
      const before = new NamespaceList(text);
      const next = text.replace('"9"', '"10000"');
      const list = new NamespaceList(next, before);
      assert.equal(list.rows, before.rows);
      assert.deepEqual(
        [list.version, list.only(row => row.name === 'b')],
        ['10000', new NamespaceList(next).only(row => row.name === 'b')],
      );
      assert.equal(
        list.event('ADDED', list.rows[1] as never, '5'),
        before.event('ADDED', before.rows[1] as never, '5'),
      );
      for (const other of [
        next.replace('"a"', '"c"'),
        next.replace(`"${name}":`, '"other":'),
        `{"kind":"X","metadata":{"resourceVersion":"9","x":${next.slice(0, -1)}}`,
      ]) {
        const read = () => new NamespaceList(other, before).rows.map(row => row.name);
        const alone = () => new NamespaceList(other).rows.map(row => row.name);
        assert.deepEqual(attempt(read), attempt(alone), other);
      }
    }
  });

  it('is refused if it is a page, or if something in it cannot be told apart', () => {
    const table = tableOf(rowOf('a'));
    for (const text of [
      ...['', '[]', '{}', '{"metadata":{"resourceVersion":"9"},"items":{}}'],
      listOf(namespace('a')).replace('"9"', '"9","continue":"x"'),
      listOf('{"metadata":{"name":"a"}}'),
      listOf('{"metadata":{"name":"","uid":"u"}}'),
      listOf('null'),
      table.replace(/"object":.*\}\}/, '"object":null}'),
    ])
      assert.throws(() => new NamespaceList(text), /is not a/, text);
  });

  it('makes events of its rows, as a watch brings them, at another version', () => {
    const list = new NamespaceList(listOf(namespace('a')));
    const [row] = list.rows;
    assert.ok(row);
    assert.deepEqual([list.version, idOf(row), row.version], ['9', 'a u-a', '7']);
    const named =
      '{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"a","uid":"u-a","resourceVersion":"5"}';
    assert.equal(list.event('ADDED', row, '5'), `{"type":"ADDED","object":${named},"n":1e400}}`);
    assert.equal(list.farewell(row.id, '5'), `{"type":"DELETED","object":${named}}}`);
    const table = new NamespaceList(tableOf(rowOf('a')));
    for (const text of [table.event('DELETED', table.rows[0] as never, '5'), table.farewell(row.id, '5')]) {
      const event = readEvent(text);
      assert.deepEqual(
        [event.type, event.version, event.isTable, event.endsInitialEvents],
        ['DELETED', '5', true, false],
      );
      assert.deepEqual(JSON.parse(text).object.metadata, { resourceVersion: '5' });
      assert.equal(idOf(event.row as never), 'a u-a');
    }
    const partial = new NamespaceList(listOf(partialOf('a')).replace('Namespace', 'PartialObjectMetadata'));
    for (const text of [partial.event('ADDED', partial.rows[0] as never, '5'), partial.farewell(row.id, '5')])
      assert.match(text, /"object":\{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io\/v1","meta/);
  });

  it('is read in linear time', () => {
    assertLinear(
      1e5,
      count => {
        const list = listOf(
          ...Array.from({ length: Math.ceil(count / 50) }, (_, at) => namespace(`n-${at}`)),
        );
        return () => new NamespaceList(list).only(({ name }) => name.endsWith('7'));
      },
      listOf(),
    );
  });
});

describe('an event of a watch of namespaces', () => {
  const tableEvent = (name: string, cols: string) =>
    `{"type":"ADDED","object":${tableOf(rowOf(name)).replace(columns, cols)}}`;

  it('has columns in the first Table of the client, whichever event of the API server had them', () => {
    const lines = new EventLines(false);
    lines.sawTable(tableEvent('hidden', columns));
    assert.equal(lines.ofTable(tableEvent('a', 'null')), tableEvent('a', columns));
    assert.equal(lines.ofTable(tableEvent('b', columns)), tableEvent('b', 'null'));
    const bare = new EventLines(true).ofTable(tableEvent('a', columns));
    assert.equal(
      bare,
      tableEvent('a', columns).replace(/"object":\{"kind":"Partial.*\}\}(?=\]\}\})/, '"object":null}'),
    );
  });

  it('may get another type', () => {
    const text = tableEvent('a', columns);
    assert.equal(withType(text, 'MODIFIED'), text.replace('ADDED', 'MODIFIED'));
  });

  it('is a bookmark that may end the initial events, or an error', () => {
    const meta = (end: string) =>
      `{"resourceVersion":"8","annotations":{"k8s.io/initial-events-end":"${end}"}}`;
    for (const [end, ends] of [
      ['true', true],
      ['false', false],
    ] as const) {
      const plain = readEvent(`{"type":"BOOKMARK","object":{"kind":"Namespace","metadata":${meta(end)}}}`);
      const inTable = readEvent(
        `{"type":"BOOKMARK","object":{"kind":"Table","metadata":{"resourceVersion":"8"},"rows":[{"object":{"metadata":${meta(end)}}}]}}`,
      );
      for (const event of [plain, inTable])
        assert.deepEqual([event.version, event.row, event.endsInitialEvents], ['8', undefined, ends]);
    }
    assert.equal(readEvent('{"type":"ERROR","object":{"kind":"Status","code":410}}').version, '');
    for (const text of ['', '{}', '{"type":"X","object":{}}', '{"type":"ADDED","object":{"metadata":{}}}'])
      assert.throws(() => readEvent(text), /is not/, text);
  });
});
