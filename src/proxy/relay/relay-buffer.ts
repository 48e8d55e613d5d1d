/** Size of a connection's first buffer in bytes. A person who types at a shell needs no more. */
const firstSize = 4 * 1024;
/** Size of a connection's further buffers in bytes. */
const usualSize = 64 * 1024;
/** Size of a buffer in bytes for one read, where a usual buffer was too small. One of 1 MB would save little more. */
const largeSize = 512 * 1024;

/** Buffers that no connection uses, by their size, shared by all connections. They are few, so that they stay in the CPU's caches. */
const spares = new Map<number, RelayBuffer[]>([usualSize, largeSize].map(size => [size, []]));
const maxSpares = 8;

/** How many large buffers there are. If all are in use, a connection gets a usual one. */
let largeBuffers = 0;
const maxLargeBuffers = 4;
/** A connection that breaks off may not return its buffer. */
const lost = new FinalizationRegistry(() => {
  largeBuffers -= 1;
});

/** Reads fill this buffer from its beginning, and writes take the bytes out. It is used again when all its bytes have been written. */
export class RelayBuffer {
  /** The place for the next read. */
  room: Buffer;
  readonly #bytes: Buffer;
  /** The bytes between these two have been read, and not taken yet. */
  #begin = 0;
  #end = 0;
  /** How many parts have been taken, but not written yet. */
  #writes = 0;
  /** Whether one read filled the whole buffer. Then more bytes wait. */
  #filledAtOnce = false;

  constructor(size = firstSize) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.room = this.#bytes;
  }

  /** Returns the buffer for the next read when this one is full. */
  next(): RelayBuffer {
    const large = this.#filledAtOnce && this.#bytes.length > firstSize ? RelayBuffer.#large() : undefined;
    return large ?? spares.get(usualSize)?.pop() ?? new RelayBuffer(usualSize);
  }

  static #large(): RelayBuffer | undefined {
    const spare = spares.get(largeSize)?.pop();
    if (spare !== undefined || largeBuffers === maxLargeBuffers) return spare;
    largeBuffers += 1;
    const large = new RelayBuffer(largeSize);
    lost.register(large, undefined);
    return large;
  }

  /**
   * Whether the next read needs another buffer. A read of a connection with TLS brings at most 16 KB, the size of a record. A large buffer
   * is for one read, so that a connection where nothing more comes does not keep it.
   */
  get isFull(): boolean {
    const { length } = this.#bytes;
    return length === largeSize ? this.#end > 0 : this.room.length < length / 4;
  }

  /** Whether all bytes that were read have been written. */
  get isFree(): boolean {
    return this.#begin === this.#end && this.#writes === 0;
  }

  /** A read has brought `length` bytes. */
  wasRead(length: number): void {
    this.#filledAtOnce = length === this.#bytes.length;
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
    const others = spares.get(this.#bytes.length);
    if (others === undefined || others.length === maxSpares) return;
    this.empty();
    others.push(this);
  }
}
