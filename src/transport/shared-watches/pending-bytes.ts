/** No event is larger than this: etcd takes requests of 1.5 MB, and a watch event is one object. */
const limit = 64 * 1024 * 1024;
const nothing = Buffer.alloc(0);

/** The bytes of an event that is not whole yet. */
export class PendingBytes {
  /** Twice as large whenever it is full, so that an event in many parts takes linear time. */
  #buffer = nothing;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The byte at this index; undefined behind the last one. */
  at(index: number): number | undefined {
    return index < this.#length ? this.#buffer[index] : undefined;
  }

  /** Copies these bytes. Throws an Error for more than an event can have. */
  append(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    checkEventSize(length);
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, Math.min(2 * this.#buffer.length, limit)));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    bytes.copy(this.#buffer, this.#length);
    this.#length = length;
  }

  /**
   * A whole event: the pending bytes and the rest behind them. No bytes are pending then. An event is kept for long, so it gets memory of
   * its own: a slice would keep its whole chunk, and Node's pool the 8 KB around it. An event in one chunk is copied once; bytes that were
   * pending are copied again.
   */
  takeWith(rest: Buffer): Buffer {
    checkEventSize(this.#length + rest.length);
    const event = Buffer.allocUnsafeSlow(this.#length + rest.length);
    this.#buffer.copy(event, 0, 0, this.#length);
    rest.copy(event, this.#length);
    this.#buffer = nothing;
    this.#length = 0;
    return event;
  }
}

/** Throws an Error if no event has so many bytes. */
export function checkEventSize(length: number): void {
  if (length > limit) throw new Error('an event of the watch is larger than 64 MB');
}
