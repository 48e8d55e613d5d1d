/** The most bytes of an event. Real events are smaller: etcd accepts requests of 1.5 MB, and a watch event contains one object. */
const limit = 64 * 1024 * 1024;
const nothing = Buffer.alloc(0);

/** The bytes of an incomplete event. */
export class PendingBytes {
  /** Doubles in size when it is full, so that an event in many parts takes linear time. */
  #buffer = nothing;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The byte at this index; undefined if it has not come yet. */
  at(index: number): number | undefined {
    return index < this.#length ? this.#buffer[index] : undefined;
  }

  /** Copies these bytes. Throws an Error if the event becomes too large. */
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
   * Completes an event: returns the pending bytes followed by `rest`, and no bytes are pending after that. An event is kept for long, so it
   * gets memory of its own: a slice would keep the whole chunk, and Node's pool would keep 8 KB around it. An event in one chunk is copied
   * once; bytes that were pending are copied again.
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

/** Throws an Error if this length is more than an event can have. */
export function checkEventSize(length: number): void {
  if (length > limit) throw new Error('an event of the watch is larger than 64 MB');
}
