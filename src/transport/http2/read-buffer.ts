/** Bytes that are read at a time, as many as a TLS record has, and of a buffer for several reads. */
const fullRead = 16 * 1024;
const fullBuffer = 4 * fullRead;

/** The memory that a connection reads into: the same bytes again and again, except those that somebody keeps. */
export class ReadBuffer {
  #buffer = Buffer.allocUnsafeSlow(fullRead);
  /** Where the last read went, and how many bytes it brought. */
  #offset = 0;
  #length = 0;
  #isKept = false;
  #free = this.#buffer;

  /** The current read brought so many bytes. */
  wasRead(length: number): void {
    this.#length = length;
  }

  /** The bytes of the current read stay as they are. */
  keep(): void {
    this.#isKept = true;
  }

  /** Where the next read goes. */
  next = (): Buffer => {
    if (!this.#isKept) return this.#free;
    this.#isKept = false;
    this.#offset += this.#length;
    if (this.#offset + fullRead > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(fullBuffer);
      this.#offset = 0;
    }
    this.#free = this.#buffer.subarray(this.#offset, this.#offset + fullRead);
    return this.#free;
  };
}
