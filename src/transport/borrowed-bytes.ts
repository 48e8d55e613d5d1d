/** Bytes that become text with less CPU time than two more writes take. */
const maxText = 8 * 1024;

/** Somebody who keeps borrowed bytes. */
export interface BytesHolder {
  /** Whether it still needs any of the bytes that it has kept. */
  readonly holdsBytes: boolean;
}

/**
 * A part of a connection's read buffer, lent for one call. The next read overwrites it, so there is no way to the bytes themselves but
 * `keep`: it names the holder, and the buffer asks the holder before it reuses them. Nobody has to give anything back.
 */
export interface BorrowedBytes {
  readonly length: number;
  /** The bytes as text, a character a byte. */
  toLatin1(): string;
  /**
   * The bytes as one chunk of HTTP/1.1 (RFC 9112, section 7.1): as text, a character a byte, or as bytes. Undefined for a part that is so long
   * that Node's own framing, which copies nothing, costs less.
   */
  toChunk(): string | Buffer | undefined;
  /** The same bytes elsewhere, for a sink that keeps few of them, or keeps them long. */
  copy(): Buffer;
  /** The bytes themselves, without a copy. They stay as they are for as long as the holder says that it holds bytes. */
  keep(holder: BytesHolder): Buffer;
}

/** The bytes that one connection lends, one part after the other: a single object, because a large list has thousands of parts. */
export class LentBytes implements BorrowedBytes {
  readonly #onKeep: (holder: BytesHolder) => void;
  #bytes: Buffer | undefined;

  /** @param onKeep Called when the bytes must outlive the call. */
  constructor(onKeep: (holder: BytesHolder) => void) {
    this.#onKeep = onKeep;
  }

  /** Lends these bytes until `takeBack`. */
  lend(bytes: Buffer): this {
    this.#bytes = bytes;
    return this;
  }

  takeBack(): void {
    this.#bytes = undefined;
  }

  get length(): number {
    return lent(this.#bytes).length;
  }

  toLatin1(): string {
    return lent(this.#bytes).toString('latin1');
  }

  toChunk(): string | undefined {
    const { length } = this;
    return length > maxText ? undefined : `${length.toString(16)}\r\n${this.toLatin1()}\r\n`;
  }

  copy(): Buffer {
    return Buffer.from(lent(this.#bytes));
  }

  keep(holder: BytesHolder): Buffer {
    const bytes = lent(this.#bytes);
    this.#onKeep(holder);
    return bytes;
  }
}

function lent(bytes: Buffer | undefined): Buffer {
  if (bytes === undefined) throw new Error('borrowed bytes were used after the call');
  return bytes;
}

/** Lends bytes that are nobody's buffer: keeping them costs nothing. */
export function ownBytes(bytes: Buffer): BorrowedBytes {
  return new LentBytes(() => {}).lend(bytes);
}
