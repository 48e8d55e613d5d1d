/** The most bytes of one read, which is the size of a TLS record, and the size of a buffer for several reads. */
const fullRead = 16 * 1024;
const fullBuffer = 4 * fullRead;

/** The buffer that a connection reads into. Each read overwrites the bytes of the last one, unless a holder keeps them. */
export class ReadBuffer {
  #buffer = Buffer.allocUnsafeSlow(fullRead);
  /** The place of the last read, and how many bytes it brought. */
  #offset = 0;
  #length = 0;
  #isKept = false;
  #free = this.#buffer;

  /** The current read has brought `length` bytes. */
  wasRead(length: number): void {
    this.#length = length;
  }

  /** Protects the bytes of the current read from later reads. */
  keep(): void {
    this.#isKept = true;
  }

  /** Returns the place for the next read. */
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
