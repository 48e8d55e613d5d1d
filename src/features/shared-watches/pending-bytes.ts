import { SharedBytes } from './shared-bytes.js';

/** The most bytes of an event. Real events are smaller: etcd accepts requests of 1.5 MB, and a watch event contains one object. */
const limit = 64 * 1024 * 1024;
/** A new block has at most this many free bytes: the size of a TLS record. */
const mostFree = 16 * 1024;

/** The bytes of an incomplete event. */
export class PendingBytes {
  /**
   * All blocks are full but the last one. Bytes that come are never copied from block to block, and an event in many small parts does not
   * become as many buffers.
   */
  #blocks: Buffer[] = [];
  /** The bytes in the last block. */
  #used = 0;
  length = 0;

  /** The byte at this index; undefined if it has not come yet. */
  at(index: number): number | undefined {
    if (index >= this.length) return undefined;
    let offset = index;
    for (const block of this.#blocks) {
      if (offset < block.length) return block[offset];
      offset -= block.length;
    }
    return undefined;
  }

  /** Copies these bytes. Throws an Error if the event becomes too large. */
  append(bytes: Buffer): void {
    checkEventSize(this.length + bytes.length);
    const last = this.#blocks.at(-1);
    const fitting = last === undefined ? 0 : bytes.copy(last, this.#used);
    this.#used += fitting;
    if (fitting < bytes.length) {
      const block = Buffer.allocUnsafeSlow(Math.max(bytes.length - fitting, Math.min(this.length, mostFree)));
      this.#used = bytes.copy(block, 0, fitting);
      this.#blocks.push(block);
    }
    this.length += bytes.length;
  }

  /** Completes an event: returns the pending bytes followed by `rest`, and no bytes are pending after that. */
  takeWith(rest: Buffer): SharedBytes {
    checkEventSize(this.length + rest.length);
    const last = this.#blocks.pop();
    if (last === undefined) return new SharedBytes([rest]);
    const event = new SharedBytes([...this.#blocks, last.subarray(0, this.#used), rest]);
    this.#blocks = [];
    this.#used = 0;
    this.length = 0;
    return event;
  }
}

/** Throws an Error if this length is more than an event can have. */
export function checkEventSize(length: number): void {
  if (length > limit) throw new Error('an event of the watch is larger than 64 MB');
}
