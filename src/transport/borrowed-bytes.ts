/** For up to this many bytes, conversion to a string takes less CPU time than two more writes. */
const maxText = 8 * 1024;

/** A part that keeps borrowed bytes. */
export interface BytesHolder {
  /** Whether it still needs any of the bytes that it keeps. */
  readonly holdsBytes: boolean;
}

/**
 * A part of a connection's read buffer, lent for one call. The next read overwrites it. So the bytes themselves are available only through
 * `keep`, which names the holder; the buffer asks the holder before it reuses them. No one has to return the bytes. `view` is for a look at
 * them during the call.
 */
export interface BorrowedBytes {
  readonly length: number;
  /**
   * The bytes as one chunk of HTTP/1.1 (RFC 9112, section 7.1): as a string with one character per byte, or as a buffer. Undefined for long
   * parts, for which Node's own framing costs less, because it copies nothing.
   */
  toChunk(): string | Buffer | undefined;
  /** The bytes themselves, not copied, for a reader that has no use for them after the call, or copies them. */
  view(): Buffer;
  /** The bytes themselves, not copied. They are not overwritten as long as the holder holds bytes. */
  keep(holder: BytesHolder): Buffer;
}

/** Bytes that are lent for one call. */
export abstract class LentBytes implements BorrowedBytes {
  /** Undefined after the call. */
  protected bytes: Buffer | undefined;

  abstract keep(holder: BytesHolder): Buffer;

  get length(): number {
    return this.view().length;
  }

  toChunk(): string | undefined {
    const { length } = this;
    return length > maxText ? undefined : `${length.toString(16)}\r\n${this.view().toString('latin1')}\r\n`;
  }

  view(): Buffer {
    if (this.bytes === undefined) throw usedTooLate();
    return this.bytes;
  }
}

export function usedTooLate(): Error {
  return new Error('borrowed bytes were used after the call');
}

class LastingBytes extends LentBytes {
  protected override readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    super();
    this.bytes = bytes;
  }

  keep(): Buffer {
    return this.bytes;
  }
}

/** Lends bytes that are not in a read buffer. Keeping them costs nothing. */
export function lastingBytes(bytes: Buffer): BorrowedBytes {
  return new LastingBytes(bytes);
}
