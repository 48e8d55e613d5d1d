import assert from 'node:assert/strict';
import type { EventReader } from '../../../src/features/shared-watches/event-reader.js';
import type { WatchEvent } from '../../../src/features/shared-watches/watch-event.js';
import { assertLinear } from '../../support/growth.js';
import type { Random } from '../../support/random.js';

/** An event as the API server sends it, and as a reader must return it. */
export interface GeneratedEvent {
  readonly received: Buffer;
  readonly type: string;
  readonly version: string;
  readonly bytes: Buffer;
  readonly first: Buffer;
}

const changes = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'] as const;

/** Types and versions of a watch. Versions grow, in some watches beyond 2^64, and some watches end with an ERROR. */
export function generateHistory(random: Random): { readonly type: string; readonly version: string }[] {
  const history: { type: string; version: string }[] = [];
  let version = random.chance(0.2) ? 2n ** 64n : 0n;
  for (let count = 1 + random.below(20); count > 0; count--) {
    version += BigInt(1 + random.below(100));
    history.push({ type: random.pick(changes), version: String(version) });
  }
  if (random.chance(0.3)) history.push({ type: 'ERROR', version: '' });
  return history;
}

/** Difficult text for readers: JSON's own characters, escapes, names that matter elsewhere, bytes beyond ASCII. */
export function generateText(random: Random): string {
  const parts = [
    ...'"\\{}[],: \n\0é漢😀\u2028a',
    '\\"',
    '\\\\',
    'columnDefinitions',
    '"columnDefinitions":null,',
  ];
  const text = Array.from({ length: random.below(12) }, () => random.pick([...parts, '"object":{', 'k8s\0']));
  return text.join('').repeat(random.chance(0.05) ? 500 : 1);
}

/**
 * Reads all events in chunks that end at random positions, and checks them. Each chunk is overwritten after its call, like a connection's
 * read buffer.
 */
export function assertReads(random: Random, reader: EventReader, expected: readonly GeneratedEvent[]): void {
  const body = Buffer.concat(expected.map(event => event.received));
  const largest = random.pick([1, 3, 50, 1000, 100_000]);
  const events: WatchEvent[] = [];
  let complete = 0;
  let end = expected[0]?.received.length ?? 0;
  for (let start = 0; start < body.length; ) {
    const chunk = Buffer.from(body.subarray(start, start + 1 + random.below(largest)));
    start += chunk.length;
    reader.read(chunk, event => events.push(event));
    chunk.fill(0x2a);
    for (; complete < expected.length && end <= start; end += expected[complete]?.received.length ?? 0)
      complete += 1;
    assert.equal(events.length, complete, 'each event comes with its last byte');
  }
  assert.deepEqual(
    events.map(({ type, version, bytes }) => ({ type, version, bytes: bytes.view().toString('latin1') })),
    expected.map(({ type, version, bytes }) => ({ type, version, bytes: bytes.toString('latin1') })),
  );
  // In random order, as clients join.
  for (const index of events.keys()) {
    const { first } = events[(index * 7) % events.length] as WatchEvent;
    const { first: expectedFirst } = expected[(index * 7) % events.length] as GeneratedEvent;
    assert.equal(first.view().toString('latin1'), expectedFirst.toString('latin1'));
  }
  for (const { bytes } of events) {
    const chunk = bytes.toChunk();
    assert.equal(chunk.buffer.byteLength, chunk.length);
  }
}

/** The events of a reader that gets these bytes at once. */
export function readAll(reader: EventReader, ...chunks: readonly (string | Buffer)[]): WatchEvent[] {
  const events: WatchEvent[] = [];
  for (const chunk of chunks) reader.read(Buffer.from(chunk as string), event => events.push(event));
  return events;
}

/** Reads one event of a few megabytes in many small chunks. It would take quadratic time if each chunk copied everything again. */
export function assertReadsInLinearTime(
  create: () => EventReader,
  eventOf: (length: number) => Buffer,
): void {
  assertLinear(4e6, length => {
    const bytes = eventOf(length);
    return () => {
      const reader = create();
      let count = 0;
      for (let at = 0; at < bytes.length; at += 40) reader.read(bytes.subarray(at, at + 40), () => count++);
      assert.equal(count, 1);
    };
  });
}
