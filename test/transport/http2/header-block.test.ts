import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderBlock, type HeaderFields } from '../../../src/transport/http2/header-block.js';
import { flags, frameTypes, headerBlock } from '../../support/upstreams/http2-frames.js';

interface Block {
  readonly stream: number;
  readonly isEnd: boolean;
  readonly fields: HeaderFields;
}

/** The type, flags, stream and payload of a frame. */
type Given = readonly [type: number, flag: number, stream: number, payload: Buffer];

function take(frames: readonly Given[], reuses = false): Block[] {
  const blocks: Block[] = [];
  const reader = new HeaderBlock((stream, isEnd, fields) => blocks.push({ stream, isEnd, fields }));
  for (const [type, flag, stream, payload] of frames) {
    const bytes = Buffer.from(payload);
    assert.equal(reader.take(type, flag, stream, bytes), true);
    if (reuses) bytes.fill(0xee);
  }
  return blocks;
}

const { headers, continuation, data } = frameTypes;
const { endHeaders, endStream, padded, priority } = flags;
const block = headerBlock([
  [':status', '200'],
  ['x', 'y'.repeat(30)],
]);
const fields = [':status', '200', 'x', 'y'.repeat(30)];
const empty = Buffer.alloc(0);
const malformed = { code: 'MALFORMED_HTTP2' };
const tooLarge = { code: 'RESPONSE_HEADERS_TOO_LARGE' };

describe('a header block', () => {
  it('may be split anywhere into CONTINUATION frames, even empty ones', () => {
    for (let at = 0; at <= block.length; at++) {
      const frames: Given[] = [
        [headers, endStream, 1, block.subarray(0, at)],
        [continuation, 0, 1, empty],
        [continuation, endHeaders, 1, block.subarray(at)],
      ];
      assert.deepEqual(take(frames, true), [{ stream: 1, isEnd: true, fields }]);
    }
  });

  it('does not include padding and priority', () => {
    const five = Buffer.alloc(5, 0xff);
    const three = Buffer.from([3]);
    const zeros = Buffer.alloc(3);
    const payloads: [number, Buffer][] = [
      [padded, Buffer.concat([three, block, zeros])],
      [padded, Buffer.concat([Buffer.from([0]), block])],
      [priority, Buffer.concat([five, block])],
      [padded | priority, Buffer.concat([three, five, block, zeros])],
    ];
    for (const [flag, payload] of payloads) {
      assert.deepEqual(take([[headers, endHeaders | flag, 1, payload]]), [
        { stream: 1, isEnd: false, fields },
      ]);
    }
  });

  it('is rejected with padding or priority that does not fit', () => {
    for (const [flag, payload] of [
      [padded, empty],
      [padded, Buffer.from([1])],
      [padded, Buffer.concat([Buffer.from([255]), block])],
      [priority, Buffer.alloc(4)],
      [padded | priority, Buffer.concat([Buffer.from([1]), Buffer.alloc(5)])],
    ] as const) {
      assert.throws(() => take([[headers, endHeaders | flag, 1, payload]]), malformed);
    }
  });

  it('is rejected if any other frame comes before its end', () => {
    const open: Given = [headers, 0, 1, block.subarray(0, 4)];
    for (const other of [
      [headers, endHeaders, 1, block],
      [continuation, endHeaders, 3, block.subarray(4)],
      [continuation, endHeaders, 0, block.subarray(4)],
      [data, 0, 1, empty],
      [data, 0, 3, empty],
      [frameTypes.ping, 0, 0, Buffer.alloc(8)],
      [frameTypes.priority, 0, 1, Buffer.alloc(5)],
      [0xfa, 0, 1, empty],
    ] as const) {
      assert.throws(() => take([open, other]), malformed);
    }
    assert.throws(() => take([[continuation, endHeaders, 1, block]]), malformed);
    assert.throws(
      () =>
        take([
          [headers, endHeaders, 1, block],
          [continuation, endHeaders, 1, empty],
        ]),
      malformed,
    );
  });

  it('may not have more than 1 MB or 256 frames', () => {
    const many = (count: number, payload: Buffer): Given[] =>
      Array.from({ length: count }, () => [continuation, 0, 1, payload]);
    assert.throws(() => take([[headers, 0, 1, block], ...many(1000, empty)]), tooLarge);
    assert.throws(() => take([[headers, 0, 1, block], ...many(65, Buffer.alloc(16_384))]), tooLarge);
    const pairs = Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'y'.repeat(11_000)] as const);
    const large = headerBlock(pairs);
    const parts = Array.from({ length: Math.ceil(large.length / 16_384) }, (_, index) =>
      large.subarray(index * 16_384, (index + 1) * 16_384),
    );
    const frames = parts.map((part, index): Given => {
      const flag = index === parts.length - 1 ? endHeaders : 0;
      return [index === 0 ? headers : continuation, flag, 1, part];
    });
    assert.throws(() => take(frames), tooLarge);
  });

  it('fails only its stream if it decodes to more than 1 MB', () => {
    // Each byte is a field of 28 bytes, which counts as 60.
    const bomb = Buffer.alloc(16_384, 0x80 | 16);
    const blocks = take([
      [headers, 0, 1, bomb],
      [continuation, endHeaders, 1, bomb],
      [headers, endHeaders, 3, block],
    ]);
    assert.deepEqual(blocks[0], { stream: 1, isEnd: false, fields: undefined });
    assert.deepEqual(blocks[1], { stream: 3, isEnd: false, fields });
  });

  it('ignores frames of other types', () => {
    const reader = new HeaderBlock(() => assert.fail('no block'));
    for (const type of [0, 2, 3, 4, 5, 6, 7, 8, 10, 255]) assert.equal(reader.take(type, 0, 1, empty), false);
  });
});
