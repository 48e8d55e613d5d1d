import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReadBuffer } from '../../../src/transport/http2/read-buffer.js';
import { createRandom } from '../../support/random.js';

/** Reads as a socket does: it asks for the next free bytes after each read. */
class Reading {
  readonly buffer = new ReadBuffer();
  #place = this.buffer.next();

  get place(): Buffer {
    return this.#place;
  }

  read(length: number, byte: number, keeps: boolean): Buffer {
    const bytes = this.#place.subarray(0, length).fill(byte);
    this.buffer.wasRead(length);
    if (keeps) this.buffer.keep();
    this.#place = this.buffer.next();
    return bytes;
  }
}

describe('a read buffer', () => {
  it('is read into again if nobody keeps the bytes', () => {
    const reading = new Reading();
    const { place } = reading;
    for (let count = 0; count < 100; count++) reading.read(16_384, count, false);
    assert.equal(reading.place, place);
  });

  it('always has room for a whole TLS record', () => {
    const reading = new Reading();
    for (const length of [1, 16_384, 16_383, 1, 0, 5, 16_384, 16_384, 16_384, 100]) {
      reading.read(length, 1, true);
      assert.equal(reading.place.length, 16_384);
    }
  });

  it('does not change kept bytes when more is read after them', () => {
    const random = createRandom(1);
    const reading = new Reading();
    const kept: { bytes: Buffer; byte: number }[] = [];
    for (let count = 0; count < 3000; count++) {
      const byte = count % 251;
      const length = random.chance(0.2) ? 16_384 : random.below(3000);
      const keeps = random.chance(0.5);
      const bytes = reading.read(length, byte, keeps);
      if (keeps) kept.push({ bytes, byte });
    }
    assert.ok(kept.every(({ bytes, byte }) => bytes.every(each => each === byte)));
  });

  it('keeps many small reads together', () => {
    const reading = new Reading();
    const buffers = new Set<ArrayBufferLike>();
    for (let count = 0; count < 1000; count++) buffers.add(reading.read(40, 1, true).buffer);
    assert.ok(buffers.size <= 3, `${buffers.size} buffers`);
  });

  it('can keep bytes outside of a read too', () => {
    const reading = new Reading();
    const first = reading.read(10, 1, true);
    reading.buffer.keep();
    const second = reading.read(10, 2, false);
    const third = reading.read(10, 3, false);
    assert.ok(first.every(byte => byte === 1) && second.every(byte => byte === 2));
    assert.ok(third.every(byte => byte === 3));
  });
});
