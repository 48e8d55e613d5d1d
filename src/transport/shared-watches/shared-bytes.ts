import type { BorrowedBytes } from '../borrowed-bytes.js';

/** Several parts in one piece, each framed as it is alone. */
export class JoinedBytes implements BorrowedBytes {
  readonly length: number;
  readonly #parts: readonly SharedBytes[];
  #chunk: Buffer | undefined;
  #bytes: Buffer | undefined;

  constructor(parts: readonly SharedBytes[]) {
    this.#parts = parts;
    this.length = parts.reduce((sum, { length }) => sum + length, 0);
  }

  toLatin1(): string {
    return this.copy().toString('latin1');
  }

  toChunk(): Buffer {
    this.#chunk ??= Buffer.concat(this.#parts.map(part => part.toChunk()));
    return this.#chunk;
  }

  copy(): Buffer {
    this.#bytes ??= Buffer.concat(this.#parts.map(part => part.copy()));
    return this.#bytes;
  }

  keep(): Buffer {
    return this.copy();
  }
}

/** Bytes that go to many clients. They never change, so nobody copies them, and they are framed once for all. */
export class SharedBytes implements BorrowedBytes {
  readonly #chunk: Buffer;
  readonly #bytes: Buffer;

  /** @param bytes Are copied, to memory of their own: what is kept for long must not keep Node's pool of small buffers. */
  constructor(bytes: Buffer) {
    const size = `${bytes.length.toString(16)}\r\n`;
    const chunk = Buffer.allocUnsafeSlow(size.length + bytes.length + 2);
    chunk.write(size, 'latin1');
    bytes.copy(chunk, size.length);
    chunk.write('\r\n', chunk.length - 2, 'latin1');
    this.#chunk = chunk;
    this.#bytes = chunk.subarray(size.length, -2);
  }

  get length(): number {
    return this.#bytes.length;
  }

  toLatin1(): string {
    return this.#bytes.toString('latin1');
  }

  toChunk(): Buffer {
    return this.#chunk;
  }

  copy(): Buffer {
    return this.#bytes;
  }

  keep(): Buffer {
    return this.#bytes;
  }
}
