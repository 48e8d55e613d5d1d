import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { EventReader } from '../../../src/features/shared-watches/event-reader.js';
import { json } from '../../../src/features/shared-watches/json-event.js';
import { projectFile } from '../../support/project.js';
import { createRandom, type Random } from '../../support/random.js';
import {
  assertReads,
  assertReadsInLinearTime,
  type GeneratedEvent,
  generateHistory,
  generateText,
  readAll,
} from './generated-events.js';

function line(object: unknown, type = 'ADDED'): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** An object with this version and nothing else. */
const versioned = (resourceVersion: unknown) => ({ metadata: { resourceVersion } });
/** An event that can be read. */
const good = line(versioned('5'));

function generateEvents(random: Random): GeneratedEvent[] {
  return generateHistory(random).map(({ type, version }) => {
    const metadata = type === 'ERROR' ? {} : { name: generateText(random), resourceVersion: version };
    const object = {
      kind: random.pick(['Pod', 'Table']),
      apiVersion: 'v1',
      [generateText(random)]: 1,
      metadata,
    };
    const bytes = Buffer.from(`${JSON.stringify({ type, object })}${random.chance(0.1) ? '\r' : ''}\n`);
    return { received: bytes, type, version, bytes, first: bytes };
  });
}

describe('the reader of a watch in JSON', () => {
  it('returns the events of a real API server', () => {
    const recorded = readFileSync(projectFile('test/features/shared-watches/recorded-events.txt'), 'utf8');
    const events = readAll(new EventReader(json), recorded).map(({ type, version }) => `${type} ${version}`);
    const changes = ['ADDED 2856', 'MODIFIED 2857', 'MODIFIED 2858', 'DELETED 2859'];
    assert.deepEqual(events, [...changes, 'BOOKMARK 2859', 'ERROR ']);
  });

  it('recognises the bookmark after the initial events, in a Table too', () => {
    const annotated = (value: unknown) => ({
      resourceVersion: '7',
      annotations: { other: 'é', 'k8s.io/initial-events-end': value },
    });
    const pod = (metadata: unknown, type = 'BOOKMARK') => line({ kind: 'Pod', metadata }, type);
    const table = (rows: unknown) => {
      const type = { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: '7' } };
      return line({ ...type, columnDefinitions: [{ name: 'a' }], rows }, 'BOOKMARK');
    };
    const row = (metadata: unknown) => [{ cells: [], object: { kind: 'PartialObjectMetadata', metadata } }];
    for (const [ends, texts] of [
      [true, [pod(annotated('true')), table(row(annotated('true')))]],
      [false, [pod(annotated('true'), 'ADDED'), pod(annotated('false')), pod(annotated(true))]],
      [false, [pod({ resourceVersion: '7' }), pod({ resourceVersion: '7', annotations: null })]],
      [false, [row({}), [{ cells: [], object: null }], [], null].map(table)],
    ] as const)
      for (const text of texts)
        assert.equal(readAll(new EventReader(json), text)[0]?.endsInitialEvents, ends, text);
  });

  it('skips the objects that a watch begins with, apart from the first one, wherever chunks end, and knows where each event ends', () => {
    const unread = '{"type":"ADDED","object":{"no":JSON}}\n';
    const end = { metadata: { resourceVersion: '9', annotations: { 'k8s.io/initial-events-end': 'true' } } };
    const text = [
      ...[line(versioned('7')), unread, line(versioned('8'), 'MODIFIED'), unread],
      ...[line(end, 'BOOKMARK'), line(versioned('10'))],
    ];
    const whole = text.join('');
    for (let size = 1; size < whole.length; size += 1) {
      const reader = new EventReader(json, undefined, true);
      const events: string[] = [];
      for (let at = 0; at < whole.length; at += size)
        reader.read(Buffer.from(whole.slice(at, at + size)), ({ type, version, bytes }, end) => {
          assert.equal(whole.slice(at + end - bytes.length, at + end), String(bytes.view()));
          events.push(`${type} ${version}`);
        });
      assert.deepEqual(events, ['ADDED 7', 'MODIFIED 8', 'BOOKMARK 9', 'ADDED 10']);
      assert.throws(() => readAll(reader, unread), /not valid JSON/);
    }
    assert.throws(() => readAll(new EventReader(json, undefined, true), unread), /not valid JSON/);
  });

  it('returns the same events wherever chunks end', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = createRandom(seed);
      assertReads(random, new EventReader(json), generateEvents(random));
    }
  });

  it('reads bytes that are not UTF-8, and does not change them', () => {
    const bytes = Buffer.concat([
      Buffer.from('{"type":"ADDED","object":{"metadata":{"resourceVersion":"5","name":"'),
      Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80]),
      Buffer.from('"}}}\n'),
    ]);
    const [event] = readAll(new EventReader(json), bytes);
    assert.equal(event?.version, '5');
    assert.deepEqual(event?.bytes.view(), bytes);
  });

  it('reads names and values with escapes, and the last of repeated members, as Go does', () => {
    const [escaped, repeated] = readAll(
      new EventReader(json),
      '{"\\u0074ype":"\\u0041DDED","object":{"meta\\u0064ata":{"resourceVersio\\u006e":"\\u0035"}}}\n',
      '{"type":"ERROR","type":"DELETED","object":{},"object":{"metadata":{"resourceVersion":"5","resourceVersion":"6"}}}\n',
    );
    assert.deepEqual([escaped?.type, escaped?.version], ['ADDED', '5']);
    assert.deepEqual([repeated?.type, repeated?.version], ['DELETED', '6']);
  });

  it('reads events with deep nesting, and with strings of 10 MB', () => {
    const deep = `{"type":"ADDED","object":{"metadata":{"resourceVersion":"5"},"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}}\n`;
    const long = line({ metadata: { resourceVersion: '6' }, data: '"\\'.repeat(5e6) });
    assert.deepEqual(
      readAll(new EventReader(json), deep, long).map(event => event.version),
      ['5', '6'],
    );
  });

  it('takes linear time for an event in many small chunks', () => {
    assertReadsInLinearTime(
      () => new EventReader(json),
      length => Buffer.from(line({ metadata: { resourceVersion: '5' }, data: 'x'.repeat(length) })),
    );
  });

  const broken: readonly (readonly [what: string, text: string])[] = [
    ['an empty line', '\n'],
    ['JSON in several lines', JSON.stringify(JSON.parse(good), null, 2)],
    ['two events in a line', good.trim().repeat(2)],
    ['no JSON', 'hello'],
    ['a NUL in a string', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"5\0"}}}'],
    ['a NUL before the event', `\0${good}`],
    ['a byte order mark', `\ufeff${good}`],
    ['null', 'null'],
    ['a number', '1'],
    ['a list', '[]'],
    ['no type', '{"object":{"metadata":{"resourceVersion":"5"}}}'],
    ['an unknown type', line(versioned('5'), 'added')],
    ['a type that is a list', '{"type":["ADDED"],"object":{"metadata":{"resourceVersion":"5"}}}'],
    ['a type in other case', '{"Type":"ADDED","object":{"metadata":{"resourceVersion":"5"}}}'],
    ['no object', '{"type":"ADDED"}'],
    ['an ERROR without object', '{"type":"ERROR"}'],
    ['an object that is null', '{"type":"ADDED","object":null}'],
    ['an object that is a string', '{"type":"ADDED","object":"x"}'],
    ['no metadata', line({})],
    ['metadata that is null', line({ metadata: null })],
    ['no version', line({ metadata: {} })],
    [
      'inherited members alone',
      '{"type":"ADDED","object":{"__proto__":{"metadata":{"resourceVersion":"5"}}}}',
    ],
    [
      'metadata that comes twice and would have to be merged',
      '{"type":"ADDED","object":{"metadata":{"resourceVersion":"5"},"metadata":{}}}',
    ],
    ...[5, -5, '-5', '0', '', '5.0', 'abc', null, ['5'], true].map(
      version => [`version ${JSON.stringify(version)}`, line(versioned(version))] as const,
    ),
  ];
  for (const [what, text] of broken) {
    it(`throws for ${what}, after the events before it`, () => {
      const events: string[] = [];
      const chunk = Buffer.from(`${line(versioned('1'))}${text}\n`);
      const reader = new EventReader(json);
      assert.throws(() => reader.read(chunk, event => events.push(event.version)), Error);
      assert.deepEqual(events, ['1']);
    });
  }

  it('shows nothing of an event in its errors', () => {
    assert.throws(
      () => readAll(new EventReader(json), '{"password":"hunter2"\n'),
      (error: Error) => !/hunter|password/.test(error.message) && error.cause === undefined,
    );
  });

  it('throws at once for a line that does not begin as an event, wherever chunks end', () => {
    for (const text of [
      ...['{"kind":"SecretList","apiVersion":"v1","metadata":', '{"items":[', ' {\t"metadata":{'],
      ...['[{"type":"ADDED","object":', '"type"', 'type', '\0{"type":', 'x'.repeat(100)],
    ]) {
      const bytes = Buffer.from(text.padEnd(32, 'x'));
      for (const size of [1, 3, 1000]) {
        const reader = new EventReader(json);
        reader.read(Buffer.from(line(versioned('1'))), () => {});
        const read = () => {
          for (let start = 0; start < bytes.length; start += size) {
            reader.read(bytes.subarray(start, start + size), () => assert.fail());
          }
        };
        assert.throws(read, /does not begin as an event/, text);
      }
    }
  });

  it('reads events with white space in them and with the object first, wherever chunks end', () => {
    const object = '{"metadata":{"resourceVersion":"5"}}';
    for (const text of [
      ` \t\r{ "type" : "ADDED" , "object" : ${object} } \r\n`,
      `${' '.repeat(100)}{"type":"ADDED","object":${object}}\n`,
      `{"object":${object},"type":"ADDED"}\n`,
    ]) {
      const bytes = Buffer.from(text);
      for (const size of [1, 7, 40]) {
        const reader = new EventReader(json);
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.subarray(index * size, (index + 1) * size).toString(),
        );
        assert.equal(readAll(reader, ...chunks)[0]?.version, '5');
      }
    }
  });

  it('throws for an event of more than 64 MB, and keeps at most that', () => {
    const reader = new EventReader(json);
    const chunk = Buffer.alloc(1024 * 1024, 0x20);
    for (let count = 0; count < 64; count++) reader.read(chunk, () => assert.fail());
    assert.throws(() => reader.read(Buffer.from(' '), () => assert.fail()), /too large/);
  });
});
