import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClientFrames } from '../../../src/features/shared-watches/websockets/client-frames.js';
import { anyFrame as frame } from '../../support/clients/any-frame.js';
import { assertLinear } from '../../support/growth.js';

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
