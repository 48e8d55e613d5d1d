import { type BytesHolder, LentBytes, usedTooLate } from './borrowed-bytes.js';
import type { BodySink } from './round-trip.js';

/** Size of a connection's first buffer in bytes. A watch seldom needs more. */
const firstBuffer = 4 * 1024;
/** The most bytes of one read, which is the size of a TLS record, and the size of a buffer for several reads. */
const fullRead = 16 * 1024;
const fullBuffer = 4 * fullRead;

/** Stands for several holders. A buffer with their bytes is left to them. */
const several: BytesHolder = { holdsBytes: true };

/**
 * The buffer that a connection reads into, used again for each read; it lends what was read, one part after another. A new buffer for each read would cost a third of the CPU time of large
 * lists, for garbage collection. Bytes that a holder has kept are not overwritten as long as the holder needs any of them: the next read
 * goes behind them, or into another buffer.
 */
export class ReadBuffer extends LentBytes {
  #buffer: Buffer = Buffer.allocUnsafeSlow(firstBuffer);
  /** The part of `#buffer` for the next read, or that the last read filled; its offset; how many bytes the last read brought. */
  #free = this.#buffer;
  #offset = 0;
  #length = 0;
  /** The holder that has kept parts of `#buffer` or `#former`. */
  #holder: BytesHolder | undefined;
  /** The previous buffer, while its holder may still need parts of it; and a buffer that is free. */
  #former: Buffer | undefined;
  #spare: Buffer | undefined;

  /** Returns the place for the next read. Node calls it after every read. */
  next = (): Buffer => {
    this.#reuse();
    const isHeld = this.#holder !== undefined;
    const isTooSmall = this.#buffer.length === firstBuffer && (isHeld || this.#length === firstBuffer);
    const offset = isHeld ? this.#offset + this.#length : 0;
    this.#length = 0;
    if (isTooSmall || offset + fullRead > Math.max(this.#buffer.length, fullRead)) {
      if (this.#holder === several) this.#leave();
      else if (this.#buffer.length === fullBuffer) this.#former = this.#buffer;
      this.#replace(this.#spare ?? Buffer.allocUnsafeSlow(fullBuffer));
      this.#spare = undefined;
    } else if (offset !== this.#offset) {
      this.#offset = offset;
      this.#free = this.#buffer.subarray(offset, offset + fullRead);
    }
    return this.#free;
  };

  /**
   * A read has brought `length` bytes. Frees the former buffer if its holder no longer needs it. This must happen before
   * a holder keeps more.
   */
  wasRead(length: number): void {
    this.#length = length;
    if (this.#former !== undefined) this.#reuse();
  }

  /** Passes bytes of the current read to a sink, until its call returns. */
  lend(bytes: Buffer, sink: BodySink): void {
    this.bytes = bytes;
    sink.data(this);
    this.bytes = undefined;
  }

  keep(holder: BytesHolder): Buffer {
    if (this.bytes === undefined) throw usedTooLate();
    const isShared = this.#holder !== undefined && this.#holder !== holder && this.#holder.holdsBytes;
    this.#holder = isShared ? several : holder;
    return this.bytes;
  }

  /** The response is complete. Buffers with bytes that a holder still needs are left to that holder. */
  endResponse(): void {
    this.#reuse();
    if (this.#holder === undefined) return;
    this.#replace(Buffer.allocUnsafeSlow(firstBuffer));
    this.#length = 0;
    this.#leave();
  }

  /** Leaves the bytes that are kept to their holders. */
  #leave(): void {
    this.#holder = undefined;
    this.#former = undefined;
  }

  #reuse(): void {
    if (this.#holder === undefined || this.#holder.holdsBytes) return;
    this.#holder = undefined;
    this.#spare = this.#former ?? this.#spare;
    this.#former = undefined;
  }

  #replace(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#offset = 0;
    this.#free = buffer.subarray(0, fullRead);
  }
}
