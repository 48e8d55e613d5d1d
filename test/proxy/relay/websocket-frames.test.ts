import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ClientFrames,
  closeFrame,
  opcodes,
  policyViolation,
  WebSocketFrames,
  frame as writeFrame,
} from '../../../src/proxy/relay/websocket-frames.js';
import { assertLinear } from '../../support/growth.js';

/** A frame with this opcode. Each byte of its mask and its payload could begin a close frame. */
function frame(opcode: number, length: number, { isMasked = false } = {}): Buffer {
  const mask = isMasked ? 0x80 : 0;
  const extended = Buffer.alloc(length < 126 ? 0 : length < 65_536 ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(length);
  if (extended.length === 8) extended.writeBigUInt64BE(BigInt(length));
  const short = [126, length, 127][extended.length === 0 ? 1 : extended.length === 2 ? 0 : 2] as number;
  const rest = Buffer.alloc(length + (isMasked ? 4 : 0), 0x88);
  return Buffer.concat([Buffer.from([opcode, mask | short]), extended, rest]);
}

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

/** A frame of a client, with this text, masked as browsers do. */
function masked(opcode: number, text: string, { length = text.length, isMasked = true } = {}): Buffer {
  const mask = Buffer.from([0x88, 1, 0xff, 0]);
  const head = frame(opcode, length, { isMasked }).subarray(0, length < 126 ? 2 : length < 65_536 ? 4 : 10);
  const payload = Buffer.from(text).map((byte, index) =>
    isMasked ? byte ^ (mask[index % 4] as number) : byte,
  );
  return Buffer.concat([head, isMasked ? mask : Buffer.alloc(0), payload]);
}

describe('what the client of a server that only sends says', () => {
  /** What was said, if bytes come in parts of this size. */
  const said = (bytes: Buffer, size = bytes.length) => {
    const all: string[] = [];
    const frames = new ClientFrames({
      pong: payload => all.push(`pong ${payload}`),
      close: code => all.push(`close ${code}`),
    });
    for (let at = 0; at < bytes.length; at += size) frames.read(Buffer.from(bytes.subarray(at, at + size)));
    return all;
  };
  const message = [masked(0x81, 'x'.repeat(300)), masked(0x02, 'a'), masked(0x80, 'b'), masked(0x8b, 'c')];
  const closed = masked(0x88, '\u0003\u00e8');

  it('is a pong for each ping, also between the frames of a message, and the end, however its bytes come', () => {
    const pings = [masked(0x89, 'p'), masked(0x89, ''), masked(0x89, 'y'.repeat(125)), masked(0x09, 'z')];
    const bytes = Buffer.concat([...message, ...pings, masked(0x8a, 'no'), closed, masked(0x89, 'late')]);
    const expected = ['pong p', 'pong ', `pong ${'y'.repeat(125)}`, 'pong z', 'close undefined'];
    for (const size of [1, 2, 3, 7, 1000]) assert.deepEqual(said(bytes, size), expected);
  });

  it('is at most 125 bytes of a ping that is too long, when all of it has come', () => {
    const ping = masked(0x89, 'y'.repeat(300));
    assert.deepEqual(said(ping.subarray(0, -1)), []);
    for (const size of [1, 50, 1000]) assert.deepEqual(said(ping, size), [`pong ${'y'.repeat(125)}`]);
  });

  it('is the end with an error of the protocol if a frame is not masked', () => {
    for (const opcode of [0x81, 0x82, 0x89, 0x8a]) {
      const [first] = said(Buffer.concat([...message, masked(opcode, 'x', { isMasked: false })]));
      assert.equal(first, 'close 1002');
    }
    assert.deepEqual(said(masked(0x88, '', { isMasked: false })), ['close 1002']);
  });

  it('is the end for a message of more than 32 MB, before it has come', () => {
    const most = 32 * 1024 * 1024;
    assert.deepEqual(said(masked(0x82, 'x', { length: most })), []);
    assert.deepEqual(said(masked(0x82, 'x', { length: most + 1 })), ['close undefined']);
  });

  it('is read in linear time, and keeps nothing of a message', () => {
    for (const one of [masked(0x89, 'p'), masked(0x82, 'x'.repeat(30_000))])
      assertLinear(300_000, length => {
        const bytes = Buffer.concat(Array.from({ length: Math.ceil(length / one.length) }, () => one));
        return () => void said(bytes, 1000);
      });
  });
});
