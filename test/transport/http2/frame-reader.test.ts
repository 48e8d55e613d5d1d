import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameReader } from '../../../src/transport/http2/inbound.js';
import { allCuts } from '../../support/transport/answer-reader.js';
import { type Frame, frame } from '../../support/upstreams/http2-frames.js';

interface Read extends Frame {
  /** The payload as it was during the call. */
  readonly copy: Buffer;
}

function readAll(pieces: Iterable<Buffer>, reuses = false): Read[] {
  const frames: Read[] = [];
  const reader = new FrameReader((type, flags, stream, payload) => {
    frames.push({ type, flags, stream, payload, copy: Buffer.from(payload) });
  });
  for (const piece of pieces) {
    reader.push(piece);
    if (reuses) piece.fill(0xee);
  }
  return frames;
}

/** The first byte of a stream identifier has a reserved bit. */
const reserved = frame(0, 0, 9);
reserved.writeUInt8(0x80, 5);
const stream = Buffer.concat([
  frame(4, 0, 0),
  frame(1, 5, 1, Buffer.from('a header block')),
  frame(0, 0, 0x7fffffff, Buffer.from('x')),
  frame(0xfa, 0xff, 3, Buffer.from('unknown')),
  frame(0, 1, 5),
  frame(0, 0, 7, Buffer.alloc(40, 'long')),
  reserved,
]);

describe('a frame reader', () => {
  it('reads type, flags, stream and payload wherever the bytes are split, from a buffer that is read into again', () => {
    for (const pieces of allCuts(stream)) {
      assert.deepEqual(
        readAll(pieces, true).map(each => [each.type, each.flags, each.stream, each.copy.toString()]),
        [
          [4, 0, 0, ''],
          [1, 5, 1, 'a header block'],
          [0, 0, 0x7fffffff, 'x'],
          [0xfa, 0xff, 3, 'unknown'],
          [0, 1, 5, ''],
          [0, 0, 7, 'long'.repeat(10)],
          [0, 0, 9, ''],
        ],
      );
    }
  });

  it('copies a frame that came in pieces', () => {
    for (const { payload, copy } of readAll([stream.subarray(0, 20), stream.subarray(20)])) {
      assert.ok(payload.equals(copy));
    }
    const pieces = [...stream].map(byte => Buffer.from([byte]));
    for (const { payload, copy } of readAll(pieces, true)) assert.ok(payload.equals(copy));
  });

  it('accepts frames of 16,384 bytes, and rejects larger ones by their head', () => {
    const largest = frame(0, 0, 1, Buffer.alloc(16_384, 1));
    for (const at of [1, 8, 9, 10, 5000, largest.length]) {
      const [read] = readAll([largest.subarray(0, at), largest.subarray(at)]);
      assert.equal(read?.payload.length, 16_384);
    }
    const head = frame(0, 0, 1, Buffer.alloc(16_385)).subarray(0, 9);
    for (const pieces of allCuts(head)) {
      assert.throws(() => readAll(pieces), { name: 'Http2Error', wireCode: 6 });
    }
  });
});
