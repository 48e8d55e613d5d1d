import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReadBuffer } from '../../../src/transport/http1/read-buffer.js';

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

/** Reads as a socket does; returns the bytes. */
function read(buffer: ReadBuffer, length: number, fill: number, holder?: Holder): Buffer {
  const bytes = target.get(buffer)?.subarray(0, length) ?? buffer.next().subarray(0, length);
  bytes.fill(fill);
  buffer.wasRead(bytes.length);
  if (holder !== undefined) {
    buffer.keep(holder);
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

  it('never overwrites bytes that a holder has kept and not released', () => {
    const buffer = new ReadBuffer();
    const holder = new Holder();
    for (let index = 0; index < 200; index++) {
      read(buffer, 1 + ((index * 7919) % recordSize), index, holder);
      holder.check();
      if (index % 17 === 0) holder.kept = [];
    }
  });

  it('starts again at its beginning if everything was written within one read', () => {
    const buffer = new ReadBuffer();
    const holder = new Holder();
    const places = new Set<number>();
    read(buffer, 4 * 1024, 0);
    for (let index = 0; index < 100; index++) {
      const bytes = target.get(buffer) as Buffer;
      places.add(bytes.byteOffset);
      buffer.wasRead(recordSize);
      buffer.keep(holder);
      holder.kept = [];
      target.set(buffer, buffer.next());
    }
    assert.equal(places.size, 1);
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
