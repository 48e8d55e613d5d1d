import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BorrowedBytes } from '../../src/transport/borrowed-bytes.js';
import { ReadBuffer } from '../../src/transport/read-buffer.js';
import { createRandom } from '../support/random.js';

const recordSize = 16 * 1024;

/** A holder that keeps bytes until they have been written. */
class Holder {
  kept: { readonly bytes: Buffer; readonly copy: Buffer }[] = [];

  get holdsBytes(): boolean {
    return this.kept.length > 0;
  }

  /** Asserts that none of the kept bytes has changed. */
  check(): void {
    for (const { bytes, copy } of this.kept) assert.ok(bytes.equals(copy));
  }
}

/** The holder keeps these bytes of the current read. */
function keep(buffer: ReadBuffer, bytes: Buffer, holder: Holder): void {
  buffer.lend(bytes, { data: lent => assert.equal(lent.keep(holder), bytes), idle() {} });
}

/** Reads as a socket does; returns the bytes. */
function read(buffer: ReadBuffer, length: number, fill: number, holder?: Holder): Buffer {
  const bytes = target.get(buffer)?.subarray(0, length) ?? buffer.next().subarray(0, length);
  bytes.fill(fill);
  buffer.wasRead(bytes.length);
  if (holder !== undefined) {
    keep(buffer, bytes, holder);
    holder.kept.push({ bytes, copy: Buffer.from(bytes) });
  }
  target.set(buffer, buffer.next());
  return bytes;
}
const target = new WeakMap<ReadBuffer, Buffer>();

describe('the read buffer of a connection', () => {
  it('has 4 KB as long as no read fills it and nothing is kept', () => {
    const buffer = new ReadBuffer();
    const places = Array.from({ length: 10 }, (_, index) => read(buffer, 500, index));
    for (const place of places) assert.equal(place.byteOffset, places[0]?.byteOffset);
    assert.ok(places.every(place => place.buffer === places[0]?.buffer));
    assert.equal(places[0]?.buffer.byteLength, 4 * 1024);
  });

  it('has room for a whole TLS record after a read that fills it, or of which something is kept', () => {
    for (const [length, holder] of [
      [4 * 1024, undefined],
      [500, new Holder()],
    ] as const) {
      const buffer = new ReadBuffer();
      read(buffer, length, 1, holder);
      assert.equal(target.get(buffer)?.length, recordSize);
    }
  });

  it('never overwrites bytes of one of several holders, whatever the others release', () => {
    const random = createRandom(1);
    const buffer = new ReadBuffer();
    const holders = [new Holder(), new Holder(), new Holder()];
    for (let count = 0; count < 3_000; count++) {
      const room = (target.get(buffer) ?? buffer.next()).length;
      const length = random.chance(0.2) ? room : random.below(Math.min(room, 3_000));
      const holder = random.chance(0.5) ? holders[random.below(3)] : undefined;
      read(buffer, length, count % 251, holder);
      for (const each of holders) {
        each.check();
        if (random.chance(0.1)) each.kept = each.kept.slice(random.below(each.kept.length + 1));
      }
    }
  });

  it('has room for a whole TLS record, and keeps many small reads together, if several holders never release', () => {
    const buffer = new ReadBuffer();
    const holders = [new Holder(), new Holder()];
    const buffers = new Set<ArrayBufferLike>();
    for (let count = 0; count < 1_000; count++) {
      buffers.add(read(buffer, 40, count % 251, holders[count % 2]).buffer);
      assert.equal(target.get(buffer)?.length, recordSize);
    }
    assert.ok(buffers.size <= 3, `${buffers.size} buffers`);
    for (const holder of holders) holder.check();
  });

  it('lends bytes until the call returns, and no longer', () => {
    const buffer = new ReadBuffer();
    let after: BorrowedBytes | undefined;
    buffer.lend(Buffer.from('abc'), {
      data(lent) {
        after = lent;
        assert.deepEqual([lent.length, String(lent.view()), lent.toChunk()], [3, 'abc', '3\r\nabc\r\n']);
      },
      idle() {},
    });
    for (const use of ['toChunk', 'view', 'keep'] as const)
      assert.throws(() => after?.[use](new Holder()), /after the call/);
  });

  it('alternates between two buffers of 64 KB if kept bytes are released before the next read', () => {
    const buffer = new ReadBuffer();
    const holder = new Holder();
    const buffers = new Set<ArrayBufferLike>();
    read(buffer, 4 * 1024, 0);
    for (let index = 0; index < 100; index++) {
      buffers.add(read(buffer, recordSize, index, holder).buffer);
      holder.check();
      holder.kept = [];
    }
    assert.ok(buffers.size <= 3, `${buffers.size} buffers`);
  });

  it('leaves bytes that are still held at the end of a response to their holder, and becomes small again', () => {
    const buffer = new ReadBuffer();
    const holder = new Holder();
    read(buffer, 3 * 1024, 1, holder);
    buffer.endResponse();
    target.set(buffer, buffer.next());
    for (let index = 0; index < 5; index++) {
      assert.equal(read(buffer, 1024, 2).buffer.byteLength, 4 * 1024);
      holder.check();
    }
  });
});
