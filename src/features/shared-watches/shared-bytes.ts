import type { BorrowedBytes } from '../../transport/borrowed-bytes.js';

/** Several parts in one piece. Each part keeps its own chunk framing. */
export class JoinedBytes implements BorrowedBytes {
  readonly length: number;
  readonly #parts: readonly SharedBytes[];
  #chunk: Buffer | undefined;
  #bytes: Buffer | undefined;

  constructor(parts: readonly SharedBytes[]) {
    this.#parts = parts;
    this.length = parts.reduce((sum, { length }) => sum + length, 0);
  }

  toChunk(): Buffer {
    this.#chunk ??= Buffer.concat(this.#parts.map(part => part.toChunk()));
    return this.#chunk;
  }

  view(): Buffer {
    this.#bytes ??= Buffer.concat(this.#parts.map(part => part.view()));
    return this.#bytes;
  }

  keep(): Buffer {
    return this.view();
  }
}

/** Bytes that go to many clients. They never change, so they are not copied, and their chunk framing is made only once. */
export class SharedBytes implements BorrowedBytes {
  readonly length: number;
  readonly #chunk: Buffer;
  readonly #bytes: Buffer;

  /**
   * Joins these parts. They are copied to memory of their own, because long-lived bytes must not keep a read buffer, or Node's pool of small
   * buffers.
   */
  constructor(parts: readonly Buffer[]) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.length = length;
    const size = `${length.toString(16)}\r\n`;
    const chunk = Buffer.allocUnsafeSlow(size.length + length + 2);
    let end = chunk.write(size, 'latin1');
    for (const part of parts) end += part.copy(chunk, end);
    chunk.write('\r\n', end, 'latin1');
    this.#chunk = chunk;
    this.#bytes = chunk.subarray(size.length, -2);
  }

  toChunk(): Buffer {
    return this.#chunk;
  }

  view(): Buffer {
    return this.#bytes;
  }

  keep(): Buffer {
    return this.#bytes;
  }
}
