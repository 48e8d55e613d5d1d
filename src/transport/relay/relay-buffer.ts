/** Bytes of a connection's first buffer: somebody who types at a shell needs no more. */
const firstSize = 4 * 1024;
/** Bytes of every other buffer. */
const fullSize = 64 * 1024;

/** Buffers that no connection uses, for all connections: few, so that they stay in the processor's caches. */
const spares: RelayBuffer[] = [];
const maxSpares = 8;

/** Bytes are read into it one behind the other, and written from it. It is used again when all of them have been written. */
export class RelayBuffer {
  /** Where the next read goes. */
  room: Buffer;
  readonly #bytes: Buffer;
  /** What has been read and not been taken is between the two. */
  #begin = 0;
  #end = 0;
  /** How many parts have been taken and not been written. */
  #writes = 0;

  constructor(size = firstSize) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.room = this.#bytes;
  }

  static full(): RelayBuffer {
    return spares.pop() ?? new RelayBuffer(fullSize);
  }

  /** Whether the next read needs another one: 16 KB are the most that a TLS record brings. */
  get isFull(): boolean {
    return this.room.length < this.#bytes.length / 4;
  }

  /** Whether everything that was read has been written. */
  get isFree(): boolean {
    return this.#begin === this.#end && this.#writes === 0;
  }

  /** A read has brought so many bytes. */
  wasRead(length: number): void {
    this.#end += length;
    this.room = this.#bytes.subarray(this.#end);
  }

  /** Everything that was read and not been taken; undefined for nothing. It stays as it is until `wasWritten` is called for it. */
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

  /** Everything in it has been written: the next read goes to its beginning. */
  empty(): void {
    this.#begin = 0;
    this.#end = 0;
    this.room = this.#bytes;
  }

  /** No connection reads into it any more, and everything in it has been written. */
  giveBack(): void {
    if (this.#bytes.length < fullSize || spares.length === maxSpares) return;
    this.empty();
    spares.push(this);
  }
}
