import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventReader } from '../../../src/features/shared-watches/event-reader.js';
import { json } from '../../../src/features/shared-watches/json-event.js';
import { TableEvents } from '../../../src/features/shared-watches/table-events.js';
import type { WatchEvent } from '../../../src/features/shared-watches/watch-event.js';
import { createRandom, type Random } from '../../support/random.js';
import {
  assertReads,
  type GeneratedEvent,
  generateHistory,
  generateText,
  readAll,
} from './generated-events.js';

/** A Table as the API server writes it, with this text as its columns. */
function tableLine(columns: string, version = '5', rows: unknown = [], type = 'ADDED'): string {
  const metadata = JSON.stringify({ resourceVersion: version });
  const object = `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":${metadata},"columnDefinitions":${columns},"rows":${JSON.stringify(rows)}}`;
  return `{"type":"${type}","object":${object}}\n`;
}

/** White space, numbers that JSON.parse changes, escapes, and members with a name similar to the wanted one. */
function generateTables(random: Random): GeneratedEvent[] {
  const space = () => random.pick(['', '', '', ' ', '\t ', '\r']);
  const string = (text: string) =>
    random.chance(0.3) ? JSON.stringify(text).replaceAll('/', '\\/') : JSON.stringify(text);
  const number = () => random.pick(['9007199254740993', '1e400', '-0', '1.50', '0']);
  const columns = `[${space()}{"name":${string(generateText(random))},"priority":${number()}}${space()}]`;
  return generateHistory(random).map(({ type, version }, index) => {
    if (type === 'ERROR') {
      const bytes = Buffer.from('{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","code":410}}\n');
      return { received: bytes, type, version, bytes, first: bytes };
    }
    const name = random.pick(['"columnDefinitions"', '"column\\u0044efinitions"']);
    const members = [
      `"kind"${space()}:"Table"`,
      `"apiVersion":"meta.k8s.io/v1${random.pick(['', 'beta1'])}"`,
      `"metadata":{"resourceVersion":"${version}","columnDefinitions":${string(generateText(random))}}`,
      `"rows":[{"cells":[${number()},${string(generateText(random))}],"object":{"columnDefinitions":null}}]`,
      `${string(`x${generateText(random)}`)}:${space()}${string(generateText(random))}${space()}`,
    ];
    if (random.chance(0.2)) members.unshift('"columnDefinitions":[1]');
    members.splice(members[0] === '"columnDefinitions":[1]' ? 1 + random.below(5) : random.below(6), 0, '@');
    const outer = [`"type":"${type}"`, `"object":${space()}{${members.join(',')}${space()}}`];
    if (random.chance(0.2)) outer.unshift('"object":{"columnDefinitions":[2]}');
    else if (random.chance(0.3)) outer.reverse();
    const text = `${space()}{${space()}${outer.join(`${space()},${space()}`)}${space()}}\n`;
    const withValue = (value: string) => Buffer.from(text.replace('@', () => `${name}:${value}`));
    const [bytes, first] = [withValue('null'), withValue(columns)];
    return { received: index === 0 ? first : bytes, type, version, bytes, first };
  });
}

/** What clients get of these events: those that have had another one, or those that begin with it. */
function textsOf(events: readonly WatchEvent[], form: 'bytes' | 'first' = 'bytes'): string[] {
  return events.map(event => event[form].view().toString());
}

describe('the Tables of a watch', () => {
  it('have their columns only in the first event of each client, and are otherwise the same', () => {
    const names = ['Name', 'Ready', 'Status'];
    const columns = JSON.stringify(
      names.map(name => ({ name, type: 'string', description: '', priority: 0 })),
    );
    const lines = [
      tableLine(columns, '5', [1]),
      tableLine('null', '6', [2]),
      tableLine('null', '7', [3], 'BOOKMARK'),
    ];
    const events = readAll(new EventReader(json), lines.join(''));
    const withColumns = [lines[0], tableLine(columns, '6', [2]), tableLine(columns, '7', [3], 'BOOKMARK')];
    assert.deepEqual(textsOf(events), [tableLine('null', '5', [1]), ...lines.slice(1)]);
    assert.deepEqual(textsOf(events, 'first'), withColumns);
    assert.equal(events.map(({ version }) => version).join(), '5,6,7');
  });

  it('are the same wherever chunks end, with any text', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = createRandom(seed);
      assertReads(random, new EventReader(json), generateTables(random));
    }
  });

  it('create their first event once for all clients that begin with it, and keep only the last one', () => {
    const [one, two] = readAll(new EventReader(json), tableLine('[1]'), tableLine('null', '6'));
    const first = one?.first;
    assert.equal(first?.view().toString(), tableLine('[1]'));
    assert.equal(two?.first, two?.first);
    assert.equal(two?.first.view().toString(), tableLine('[1]', '6'));
    assert.notEqual(one?.first, first);
    assert.deepEqual(one?.first.view(), first?.view());
  });

  it('may be mixed with objects of other kinds', () => {
    const lines = [
      '{"type":"ADDED","object":{"kind":"Pod","metadata":{"resourceVersion":"1"}}}\n',
      '{"type":"ADDED","object":{"kind":"Table","apiVersion":"example.com/v1","metadata":{"resourceVersion":"2"}}}\n',
      '{"type":"ADDED","object":{"kind":"Table","metadata":{"resourceVersion":"3"},"columnDefinitions":[1]}}\n',
    ];
    const events = readAll(new EventReader(json), ...lines, tableLine('[1]'), tableLine('null'));
    assert.deepEqual(
      events.map(event => event.first !== event.bytes),
      [false, false, false, true, true],
    );
  });

  it('lose columns that come again', () => {
    const reader = new EventReader(json);
    const versions = ['5', '6', '7'];
    const lines = versions.map(version => tableLine('[1]', version));
    const events = readAll(reader, ...lines);
    assert.deepEqual(
      textsOf(events),
      versions.map(version => tableLine('null', version)),
    );
    assert.deepEqual(textsOf(events, 'first'), lines);
    const [empty] = readAll(reader, tableLine('[]', '11'));
    assert.equal(empty?.bytes.view().toString(), tableLine('[]', '11'));
    assert.equal(empty?.first.view().toString(), tableLine('[1]', '11'));
  });

  it('must all have the same columns', () => {
    const tables = new TableEvents();
    tables.columns = Buffer.from('[1]');
    for (const columns of ['[1,2]', '[2]'])
      assert.throws(() => readAll(new EventReader(json, tables), tableLine(columns, '7')), /have changed/);
    const reader = new EventReader(json, tables);
    readAll(reader, tableLine('[1]'), tableLine('null', '6'));
    assert.throws(() => readAll(reader, tableLine('[2]', '8')), /have changed/);
  });

  it('are rejected without columns in the first one, and without a list for them in a later one', () => {
    for (const columns of ['null', '[]', '{}', '"x"'])
      assert.throws(() => readAll(new EventReader(json), tableLine(columns)), /no columns/);
    const member = '"columnDefinitions":null,';
    for (const other of [
      '',
      '"columnDefinitions":{},',
      '"columnDefinitions":"x",',
      '"columnDefinition":null,',
    ]) {
      const reader = new EventReader(json);
      readAll(reader, tableLine('[1]'));
      const later = tableLine('null', '6').replace(member, other);
      assert.throws(() => readAll(reader, later), /no columnDefinitions/, other);
    }
  });

  it('may have rows with deep nesting', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const line = (columns: string) => tableLine(columns).replace('"rows":[]', () => `"rows":${deep}`);
    const [event] = readAll(new EventReader(json), line('[1]'));
    assert.equal(event?.bytes.view().toString(), line('null'));
  });
});
