import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FrameReader, Lines, protobufEvents, spdyFrames } from '../../src/lib/frames.js';
import { assertLinear } from '../support/growth.js';

const payloads = [0, 1, 5, 300, 70_000].map(length => Buffer.alloc(length, 0xff));

const kinds: Readonly<
  Record<string, { readonly create: () => FrameReader; readonly parts: readonly Buffer[] }>
> = {
  lines: {
    create: () => new Lines(),
    parts: ['\n', 'a\n', `${'x'.repeat(300)}\n`].map(text => Buffer.from(text)),
  },
  'events in protobuf': {
    create: protobufEvents,
    parts: payloads.map(payload => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(payload.length);
      return Buffer.concat([head, payload]);
    }),
  },
  'frames of SPDY': {
    create: spdyFrames,
    parts: payloads.map(payload => {
      const head = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0]);
      head.writeUIntBE(payload.length, 5, 3);
      return Buffer.concat([head, payload]);
    }),
  },
};

describe('the end of a frame is found, however the bytes come:', () => {
  for (const [name, { create, parts }] of Object.entries(kinds)) {
    it(name, () => {
      const bytes = Buffer.concat(parts);
      const ends = new Set<number>();
      parts.reduce((end, part) => {
        ends.add(end + part.length);
        return end + part.length;
      }, 0);
      for (const size of [1, 2, 3, 1000, bytes.length]) {
        const found = new Set<number>();
        const reader = create();
        assert.equal(reader.isBetween, true);
        for (let start = 0; start < bytes.length; start += size) {
          const piece = bytes.subarray(start, start + size);
          let end = reader.readFrame(piece);
          for (; end !== undefined; end = end < piece.length ? reader.readFrame(piece, end) : undefined)
            found.add(start + end);
        }
        assert.deepEqual(found, ends, `${size}`);
        const skipping = create();
        for (let at = 0; at < bytes.length; at += size) {
          skipping.read(bytes.subarray(at, at + size));
          assert.equal(skipping.isBetween, ends.has(Math.min(at + size, bytes.length)));
        }
      }
    });

    it(`${name}, in linear time`, () => {
      for (const part of parts)
        assertLinear(300_000, length => {
          const bytes = Buffer.concat(Array.from({ length: Math.ceil(length / part.length) }, () => part));
          return () => create().read(bytes);
        });
    });
  }
});
