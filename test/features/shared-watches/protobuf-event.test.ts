import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventReader } from '../../../src/features/shared-watches/event-reader.js';
import { protobuf } from '../../../src/features/shared-watches/protobuf-event.js';
import { createRandom, type Random } from '../../support/random.js';
import {
  assertReads,
  assertReadsInLinearTime,
  type GeneratedEvent,
  generateHistory,
  generateText,
  readAll,
} from './generated-events.js';

type Content = string | Buffer;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** A length-delimited field. */
function field(number: number, content: Content): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

const meta = (version: Content) => Buffer.concat([field(1, 'name'), field(6, version), field(12, 'x')]);
const typeMeta = Buffer.concat([field(1, 'v1'), field(2, 'Pod')]);

/** A runtime.Unknown as the API server writes it, after its magic bytes. */
function unknown(raw: Content, ...rest: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('k8s\0'), field(1, typeMeta), field(2, raw), ...rest]);
}

function event(type: Content, object: Content): Buffer {
  return framed(Buffer.concat([field(1, type), field(2, field(1, object))]));
}

const status = Buffer.concat([
  field(1, ''),
  field(2, 'Failure'),
  field(3, 'too old resource version: 1 (5)'),
]);

function generateEvents(random: Random): GeneratedEvent[] {
  return generateHistory(random).map(({ type, version }) => {
    const fields = [field(1, generateText(random)), field(6, version), field(11, generateText(random))];
    if (random.chance(0.3))
      fields.push(Buffer.from([7 * 8, 0xff, 0x01]), Buffer.from([8 * 8 + 5, 0, 0, 0, 0]));
    if (random.chance(0.3)) fields.push(Buffer.from([9 * 8 + 1, 0, 0, 0, 0, 0, 0, 0, 0]), field(500, 'x'));
    if (random.chance(0.5)) fields.reverse();
    const raw = Buffer.concat([field(1, Buffer.concat(fields)), field(2, generateText(random))]);
    const object = random.chance(0.5) ? unknown(raw, field(3, ''), field(4, '')) : unknown(raw);
    const bytes = event(type, type === 'ERROR' ? unknown(status) : object);
    return { received: bytes, type, version, bytes, first: bytes };
  });
}

describe('the reader of a watch in protobuf', () => {
  it('returns the same events wherever chunks end', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = createRandom(seed);
      assertReads(random, new EventReader(protobuf), generateEvents(random));
    }
  });

  it('recognises the bookmark after the initial events', () => {
    const entry = (key: string, value: string) => field(12, Buffer.concat([field(1, key), field(2, value)]));
    const ends = (type: string, ...entries: Buffer[]) =>
      readAll(
        new EventReader(protobuf),
        event(type, unknown(field(1, Buffer.concat([field(6, '7'), ...entries])))),
      )[0]?.endsInitialEvents;
    const end = entry('k8s.io/initial-events-end', 'true');
    assert.equal(ends('BOOKMARK', end), true);
    assert.equal(ends('BOOKMARK', entry('a', 'b'), end, entry('c', 'd')), true);
    assert.equal(ends('ADDED', end), false);
    assert.equal(ends('BOOKMARK'), false);
    assert.equal(ends('BOOKMARK', entry('k8s.io/initial-events-end', 'false'), entry('a', 'true')), false);
  });

  it('skips the objects that a watch begins with, apart from the first one, wherever chunks end, and knows where each event ends', () => {
    const at = (type: string, version: string) => event(type, unknown(field(1, field(6, version))));
    const end = Buffer.concat([field(1, 'k8s.io/initial-events-end'), field(2, 'true')]);
    const last = event('BOOKMARK', unknown(field(1, Buffer.concat([field(6, '9'), field(12, end)]))));
    const unread = event('ADDED', 'no object');
    const whole = Buffer.concat([
      at('ADDED', '7'),
      unread,
      at('MODIFIED', '8'),
      unread,
      last,
      at('ADDED', '10'),
    ]);
    for (let size = 1; size < whole.length; size += 1) {
      const reader = new EventReader(protobuf, undefined, true);
      const events: string[] = [];
      for (let start = 0; start < whole.length; start += size)
        reader.read(Buffer.from(whole.subarray(start, start + size)), ({ type, version, bytes }, ends) => {
          assert.deepEqual(whole.subarray(start + ends - bytes.length, start + ends), bytes.view());
          events.push(`${type} ${version}`);
        });
      assert.deepEqual(events, ['ADDED 7', 'MODIFIED 8', 'BOOKMARK 9', 'ADDED 10']);
      assert.throws(() => readAll(reader, unread), /not in protobuf/);
    }
  });

  it('returns a bookmark, and an error', () => {
    const bytes = [event('BOOKMARK', unknown(field(1, field(6, '7')))), event('ERROR', unknown(status))];
    assert.deepEqual(
      readAll(new EventReader(protobuf), ...bytes).map(({ type, version }) => `${type} ${version}`),
      ['BOOKMARK 7', 'ERROR '],
    );
  });

  it('takes linear time for an event in many small chunks', () => {
    assertReadsInLinearTime(
      () => new EventReader(protobuf),
      length => event('ADDED', unknown(Buffer.concat([field(1, meta('5')), field(2, 'x'.repeat(length))]))),
    );
  });

  const whole = (raw: Content) => event('ADDED', unknown(raw));
  /** Metadata with a version, and then these bytes. */
  const withBytes = (...bytes: number[]) =>
    whole(field(1, Buffer.concat([field(6, '5'), Buffer.from(bytes)])));
  const good = field(1, meta('5'));
  const broken: readonly (readonly [what: string, bytes: Buffer])[] = [
    ['an empty message', framed(Buffer.alloc(0))],
    [
      'a message with the magic of an object',
      framed(Buffer.concat([Buffer.from('k8s\0'), field(1, 'ADDED')])),
    ],
    ['no type', framed(field(2, field(1, unknown(good))))],
    ['an unknown type', event('added', unknown(good))],
    [
      'a type that comes twice',
      framed(Buffer.concat([field(1, 'ADDED'), field(1, 'DELETED'), field(2, field(1, unknown(good)))])),
    ],
    ['no object', framed(field(1, 'ADDED'))],
    ['an ERROR without object', framed(field(1, 'ERROR'))],
    ['an object without magic', event('ADDED', Buffer.concat([field(1, typeMeta), field(2, good)]))],
    ['an object in JSON', event('ADDED', '{"metadata":{"resourceVersion":"5"}}')],
    ['an object with another contentType', event('ADDED', unknown(good, field(4, 'application/json')))],
    ['a compressed object', event('ADDED', unknown(good, field(3, 'gzip')))],
    ['no metadata', whole(field(2, 'x'))],
    ['metadata that comes twice', whole(Buffer.concat([good, good]))],
    ['no version', whole(field(1, field(1, 'name')))],
    ['a version that is a number', whole(field(1, Buffer.from([6 * 8, 5])))],
    ...['', '0', '-5', 'abc', '5\0', '５'].map(
      version => [`version ${JSON.stringify(version)}`, whole(field(1, meta(version)))] as const,
    ),
    ['a version with bytes that are not UTF-8', whole(field(1, meta(Buffer.from([0x35, 0xff]))))],
    ['a field that ends behind the message', withBytes(0x0a, 0x05, 0x61)],
    ['a length of 2^63', whole(field(1, Buffer.from([0x32, ...Array(8).fill(0xff), 0x7f, 0x35])))],
    ['a number of 11 bytes', withBytes(0x08, ...Array<number>(11).fill(0xff))],
    ['half a number', withBytes(0x08, 0xff)],
    ['half a tag', withBytes(0xff)],
    ['field 0', whole(field(1, Buffer.concat([field(6, '5'), field(0, 'x')])))],
    ['a group', withBytes(0x0b, 0x0c)],
    ['JSON', Buffer.from('{"type":"ADDED"}')],
    ['an event of 4 GB', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['an event of more than 64 MB', Buffer.from([0x04, 0, 0, 0])],
  ];
  for (const [what, bytes] of broken) {
    it(`throws for ${what}, after the events before it`, () => {
      const reader = new EventReader(protobuf);
      const versions: string[] = [];
      const chunk = Buffer.concat([event('ADDED', unknown(field(1, meta('1')))), bytes]);
      assert.throws(() => reader.read(chunk, ({ version }) => versions.push(version)), Error);
      assert.deepEqual(versions, ['1']);
    });
  }

  it('throws for random bytes, and never hangs', () => {
    const valid = event('ADDED', unknown(good)).subarray(4);
    for (let seed = 1; seed <= 3000; seed++) {
      const random = createRandom(seed);
      const bytes = Buffer.from(valid);
      for (let count = 1 + random.below(3); count > 0; count--)
        bytes[random.below(bytes.length)] = random.below(256);
      try {
        for (const { version } of readAll(new EventReader(protobuf), framed(bytes)))
          assert.match(version, /^[1-9]?$/);
      } catch (error) {
        assert.ok(!(error instanceof assert.AssertionError), error as Error);
      }
    }
  });

  it('reserves no memory for a length before its bytes come', () => {
    const reader = new EventReader(protobuf);
    const { arrayBuffers } = process.memoryUsage();
    reader.read(Buffer.from([0x03, 0xff, 0xff, 0xfc, 0x0a]), () => assert.fail());
    assert.ok(process.memoryUsage().arrayBuffers - arrayBuffers < 1e6);
  });
});
