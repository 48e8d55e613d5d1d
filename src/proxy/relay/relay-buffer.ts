/** Size of a connection's first buffer in bytes. A person who types at a shell needs no more. */
const firstSize = 4 * 1024;
/** Size of a connection's further buffers in bytes. */
const usualSize = 64 * 1024;

/** Buffers that no connection uses, shared by all connections. They are few, so that they stay in the CPU's caches. */
const spares: RelayBuffer[] = [];
const maxSpares = 8;

/** Reads fill this buffer from its beginning, and writes take the bytes out. It is used again when all its bytes have been written. */
export class RelayBuffer {
  /** Where the next read goes. */
  room: Buffer;
  readonly #bytes: Buffer;
  /** The bytes between these two have been read, and not taken yet. */
  #begin = 0;
  #end = 0;
  /** How many parts have been taken, but not written yet. */
  #writes = 0;

  constructor(size = firstSize) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.room = this.#bytes;
  }

  /** Returns the buffer for the next read when this one is full. */
  next(): RelayBuffer {
    return spares.pop() ?? new RelayBuffer(usualSize);
  }

  /** Whether the next read needs another buffer. A read of a connection with TLS brings at most 16 KB, the size of a record. */
  get isFull(): boolean {
    return this.room.length < this.#bytes.length / 4;
  }

  /** Whether all bytes that were read have been written. */
  get isFree(): boolean {
    return this.#begin === this.#end && this.#writes === 0;
  }

  /** A read has brought `length` bytes. */
  wasRead(length: number): void {
    this.#end += length;
    this.room = this.#bytes.subarray(this.#end);
  }

  /**
   * Takes all bytes that have been read and not taken yet; undefined if there are none. They are not overwritten before `wasWritten` is
   * called for them.
   */
  take(): Buffer | undefined {
    if (this.#begin === this.#end) return undefined;
    const part = this.#bytes.subarray(this.#begin, this.#end);
    this.#begin = this.#end;
    this.#writes += 1;
    return part;
  }

  wasWritten(): void {
    this.#writes -= 1;
  }

  /** Starts again at the beginning of the buffer. All bytes must have been written. */
  empty(): void {
    this.#begin = 0;
    this.#end = 0;
    this.room = this.#bytes;
  }

  /** Returns the buffer for use by other connections. No connection may read into it any more, and all its bytes must have been written. */
  giveBack(): void {
    if (this.#bytes.length !== usualSize || spares.length === maxSpares) return;
    this.empty();
    spares.push(this);
  }
}
