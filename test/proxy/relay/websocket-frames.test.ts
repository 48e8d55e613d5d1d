import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  closeFrame,
  opcodes,
  policyViolation,
  WebSocketFrames,
  frame as writeFrame,
} from '../../../src/proxy/relay/websocket-frames.js';
import { anyFrame as frame } from '../../support/clients/any-frame.js';
import { assertLinear } from '../../support/growth.js';

/** How many bytes were read in parts of this size when the close frame came; undefined if it did not. */
function endAt(bytes: Buffer, size: number): number | undefined {
  let read = 0;
  let at: number | undefined;
  const side = new WebSocketFrames(() => {
    assert.equal(at, undefined);
    at = read;
  });
  for (; read < bytes.length; read += size) side.read(bytes.subarray(read, read + size));
  return at;
}

it('a message is written in one frame, whatever its length, and a close frame has at most 125 bytes', () => {
  for (const length of [0, 1, 125, 126, 0xffff, 0x1_0000, 70_000])
    assert.deepEqual(writeFrame(opcodes.binary, Buffer.alloc(length, 0x88)), frame(0x82, length));
  const [head, length, high, low, ...reason] = closeFrame(policyViolation, 'x'.repeat(200));
  assert.deepEqual([head, length, high, low], [0x88, 125, 0x03, 0xf0]);
  assert.equal(Buffer.from(reason).toString(), 'x'.repeat(123));
});

describe('one side of a WebSocket', () => {
  it('ends with its first close frame, however its bytes come', () => {
    for (const isMasked of [false, true]) {
      const before = Buffer.concat(
        [0, 1, 2, 125, 126, 300, 65_535, 65_536].flatMap(length =>
          (length < 1000 ? [0x81, 0x02, 0x80, 0xc2, 0x89] : [0x81]).map(opcode =>
            frame(opcode, length, { isMasked }),
          ),
        ),
      );
      for (const close of [0x88, 0xc8, 0x08]) {
        const bytes = Buffer.concat([before, frame(close, 2, { isMasked }), frame(close, 0), before]);
        for (const size of [1, 2, 3, 7, 4096, bytes.length]) {
          assert.equal(endAt(bytes, size), before.length - (before.length % size), `${close} ${size}`);
          assert.equal(endAt(before, size), undefined);
        }
      }
    }
  });

  it('may get a message of the proxy between two of its own, and not within one', () => {
    const ping = frame(0x89, 3);
    for (const [name, bytes, between] of [
      ['two messages', [frame(0x82, 300), frame(0x81, 0)], [304, 306]],
      ['a message in frames, and a ping between them', [frame(0x02, 5), ping, frame(0x80, 4)], [18]],
      ['a ping', [ping], [5]],
      ['after a close frame', [frame(0x88, 2), frame(0x82, 1)], []],
    ] as const) {
      for (const size of [1, 2, 5, 1000]) {
        const frames = new WebSocketFrames(() => {});
        const whole = Buffer.concat(bytes);
        const found: number[] = [];
        for (let at = 0; at < whole.length; ) {
          const part = whole.subarray(at, at + size);
          const length = frames.readFrame(part);
          at += length ?? part.length;
          if (length !== undefined) found.push(at);
          assert.equal(frames.isBetween, length !== undefined);
        }
        assert.deepEqual(found, between, `${name} ${size}`);
      }
    }
  });

  it('is read in linear time', () => {
    for (const one of [frame(0x89, 0), frame(0x82, 30_000), Buffer.from([0xff])]) {
      assertLinear(300_000, length => {
        const bytes = Buffer.concat(Array.from({ length: Math.ceil(length / one.length) }, () => one));
        return () => assert.equal(endAt(bytes, 1000), undefined);
      });
    }
  });
});
