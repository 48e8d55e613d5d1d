import type { BytesHolder } from '../borrowed-bytes.js';

/** Bytes of a connection's first buffer: a watch seldom needs more. */
const firstBuffer = 4 * 1024;
/** Bytes that are read at a time, as many as a TLS record has, and of a buffer for several reads. */
const fullRead = 16 * 1024;
const fullBuffer = 4 * fullRead;

/**
 * What a connection reads into, again and again: each read would cost a buffer otherwise, and collecting them a third of the CPU time of
 * large lists. Bytes that a holder has kept are not written over for as long as it holds any: the next read goes behind them, or
 * into another buffer.
 */
export class ReadBuffer {
  #buffer: Buffer = Buffer.allocUnsafeSlow(firstBuffer);
  /** Where in it the next read goes, or the last one went, and how many bytes that brought. */
  #free = this.#buffer;
  #offset = 0;
  #length = 0;
  /** Who has kept parts of `#buffer` or of `#former`. */
  #holder: BytesHolder | undefined;
  /** The buffer before this one, and one that nobody needs. */
  #former: Buffer | undefined;
  #spare: Buffer | undefined;

  /** Where the next read goes; asked for after every read. */
  next = (): Buffer => {
    this.#reuse();
    const isHeld = this.#holder !== undefined;
    const isTooSmall = this.#buffer.length === firstBuffer && (isHeld || this.#length === firstBuffer);
    const offset = isHeld ? this.#offset + this.#length : 0;
    this.#length = 0;
    if (isTooSmall || offset + fullRead > Math.max(this.#buffer.length, fullRead)) {
      if (this.#buffer.length === fullBuffer) this.#former = this.#buffer;
      this.#replace(this.#spare ?? Buffer.allocUnsafeSlow(fullBuffer));
      this.#spare = undefined;
    } else if (offset !== this.#offset) {
      this.#offset = offset;
      this.#free = this.#buffer.subarray(offset, offset + fullRead);
    }
    return this.#free;
  };

  /** A read has brought so many bytes. If the bytes of the former buffer have been written in the meantime, it is free before more are kept. */
  wasRead(length: number): void {
    this.#length = length;
    if (this.#former !== undefined) this.#reuse();
  }

  /** The bytes of the read that goes on stay as they are while the holder holds any. */
  keep(holder: BytesHolder): void {
    this.#holder = holder;
  }

  /** The response is over: what its holder still holds is left to it. */
  endResponse(): void {
    this.#reuse();
    if (this.#holder === undefined) return;
    this.#replace(Buffer.allocUnsafeSlow(firstBuffer));
    this.#length = 0;
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
