import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineReader } from '../../../../src/features/explorer/page/api/lines.js';
import {
  type Column,
  isAge,
  isPastTime,
  type Row,
  readTable,
  rowsNamed,
  sortRows,
} from '../../../../src/features/explorer/page/api/table.js';
import { durationOf, humanDuration } from '../../../../src/features/explorer/page/text/age.js';
import { changesBetween, pathText } from '../../../../src/features/explorer/page/text/changes.js';
import { isSecretPath, redact } from '../../../../src/features/explorer/page/text/redact.js';
import { assertLinear } from '../../../support/growth.js';

it('an age is written as kubectl writes it, and another text has no length', () => {
  const texts = '119s 2m 9m59s 10m 179m 3h 7h59m 8h 47h 2d 7d23h 8d 729d 2y 2y70d 8y';
  for (const text of texts.split(' ')) assert.equal(humanDuration(durationOf(text) as number), text);
  const minute = 60_000;
  for (const [milliseconds, text] of [
    [-5_000, '<invalid>'],
    [-1_000, '0s'],
    [0, '0s'],
    [10 * minute + 1, '10m'],
    [481 * minute, '8h'],
    [800 * 24 * 60 * minute, '2y70d'],
  ] as const)
    assert.equal(humanDuration(milliseconds), text);
  for (const text of ['', '5', 'm', '5x', '1d2h3m', '<unknown>', '5m ago', '-5s'])
    assert.equal(durationOf(text), undefined);
});

it('a comparison of two objects finds the deepest fields that differ, without fields that the API server maintains', () => {
  const object = (resourceVersion: string, labels: object, list: readonly unknown[]) => {
    return { metadata: { resourceVersion, labels }, spec: { list, same: {} } };
  };
  const [before, after] = [object('1', { a: 'b' }, [1, { x: 1 }]), object('2', {}, [1, { x: 2 }, 3])];
  assert.deepEqual(
    changesBetween(before, after).map(({ path, before, after }) => [pathText(path), before, after]),
    [
      ['metadata.labels.a', 'b', undefined],
      ['spec.list[1].x', 1, 2],
      ['spec.list[2]', undefined, 3],
    ],
  );
  assert.equal(
    pathText(['metadata', 'annotations', 'a.b/c', '__proto__']),
    'metadata.annotations["a.b/c"].__proto__',
  );
});

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const secret = {
  kind: 'Secret',
  metadata: { name: 's', annotations: { [lastApplied]: '{"data":{"p":"aHVudGVy"}}', other: 'shown' } },
  data: { p: 'aHVudGVy' },
  stringData: { q: 'hunter' },
};

it('the page hides every value of a Secret by itself, and the annotation of kubectl apply', () => {
  const list = { kind: 'SecretList', items: [{ ...secret, kind: undefined }] };
  const table = { kind: 'Table', rows: [{ cells: ['s'], object: secret }] };
  for (const object of [
    redact(secret),
    redact({ ...secret, kind: undefined } as never, 'Secret'),
    redact(list as never),
    redact(table as never),
  ]) {
    const text = JSON.stringify(object);
    assert.doesNotMatch(text, /aHVudGVy|hunter/);
    assert.match(text, /shown/);
  }
  for (const [path, isHidden] of [
    [['data', 'p'], true],
    [['stringData', 'q'], true],
    [['metadata', 'annotations', lastApplied], true],
    [['data'], false],
    [['metadata', 'annotations', 'other'], false],
  ] as const)
    assert.equal(isSecretPath(secret, path), isHidden, path.join('.'));
  assert.equal(isSecretPath({ ...secret, kind: 'ConfigMap' }, ['data', 'p']), false);
});

it('the line reader returns whole lines, wherever the text is split', () => {
  const text = 'one\ntwo\n\nthree é\nrest';
  for (let size = 1; size < text.length; size++) {
    const lines: string[] = [];
    const reader = new LineReader(line => lines.push(line));
    for (let at = 0; at < text.length; at += size) reader.read(text.slice(at, at + size));
    assert.deepEqual(lines, ['one', 'two', 'three é']);
    reader.end();
    reader.end();
    assert.deepEqual(lines, ['one', 'two', 'three é', 'rest']);
  }
});

describe('a line reader with a limit', () => {
  it('returns a longer line in parts, wherever the text is split, and cuts no character in two', () => {
    const text = 'abcd\nabcde\nabc😀defghi\n\na';
    for (let size = 1; size < text.length; size++) {
      const parts: string[] = [];
      const reader = new LineReader((part, isRest) => parts.push(`${isRest ? '+' : ''}${part}`), 4);
      for (let at = 0; at < text.length; at += size) reader.read(text.slice(at, at + size));
      reader.end();
      assert.deepEqual(parts, ['abcd', 'abcd', '+e', 'abc', '+😀de', '+fghi', 'a'], `${size} at a time`);
    }
  });

  it('does linear work on a line without an end, and keeps nothing of it but a part', () => {
    let most = 0;
    assertLinear(
      400_000,
      length => {
        const pieces = Array.from({ length: length / 50 }, () => 'x'.repeat(50));
        return () => {
          const reader = new LineReader(part => {
            most = Math.max(most, part.length);
          }, 1_000);
          for (const piece of pieces) reader.read(piece);
        };
      },
      'a line without an end',
    );
    assert.equal(most, 1_000);
  });
});

describe('a table', () => {
  it('has names and ages if the server sends no Table', () => {
    const table = readTable({
      kind: 'ThingList',
      metadata: { resourceVersion: '7' },
      items: [{ metadata: { name: 'a', namespace: 'n' } }],
    });
    assert.deepEqual(
      table.columns.map(({ name }) => name),
      ['Name', 'Age'],
    );
    assert.ok(isAge(table.columns[1] as Column) && !isPastTime(table.columns[1] as Column));
    assert.deepEqual([table.resourceVersion, table.rows[0]?.name, table.rows[0]?.namespace], ['7', 'a', 'n']);
  });

  it('may have null in place of a list', () => {
    for (const [answer, cells] of [
      [{ kind: 'ThingList', items: null }, undefined],
      [{ kind: 'Table', columnDefinitions: null, rows: null }, undefined],
      [{ kind: 'Table', rows: [{ cells: null, object: null }] }, []],
    ] as const)
      assert.deepEqual(readTable(answer as never).rows[0]?.cells, cells);
  });

  it('is sorted by numbers and numbers within texts, and by the age of the objects rather than its text', () => {
    const column = { name: 'Name', type: 'string', description: '', priority: 0 };
    const rows = ['web-10', 'web-9', 'web-1'].map((name, at) => ({
      ...{ namespace: '', name, cells: [name, `${at}d`, [9, 11, 1][at]] },
      metadata: { creationTimestamp: `2026-01-0${3 - at}T00:00:00Z` },
    }));
    const order = (index: number, name: string, isDescending = false) =>
      sortRows(rows, { column: { ...column, name }, index, isDescending }).map(row => row.name);
    assert.deepEqual(order(0, 'Name'), ['web-1', 'web-9', 'web-10']);
    assert.deepEqual(order(0, 'Name', true), ['web-10', 'web-9', 'web-1']);
    assert.deepEqual(order(1, 'Age'), ['web-10', 'web-9', 'web-1']);
    assert.deepEqual(order(2, 'Data'), ['web-1', 'web-10', 'web-9']);
    assert.deepEqual(order(3, 'None'), ['web-1', 'web-9', 'web-10'], 'equal rows are sorted by name');
    const elsewhere = { ...rows[2], namespace: 'a', cells: [], metadata: {} } as Row;
    const named = (sorted: readonly Row[]) => sorted.map(({ namespace, name }) => `${namespace}/${name}`);
    const byName = ['/web-1', '/web-9', '/web-10', 'a/web-1'];
    assert.deepEqual(named(sortRows([elsewhere, ...rows], undefined)), byName);
    assert.deepEqual(named(rowsNamed([elsewhere, ...rows], ' WEB-9', [])), ['/web-9']);
    assert.deepEqual(
      [{ ...column, type: 'date' }, { ...column, name: 'Last Seen' }, column].map(isPastTime),
      [true, true, false],
    );
  });
});
