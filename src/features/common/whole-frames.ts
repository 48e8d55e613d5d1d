import type { FrameReader } from '../../lib/frames.js';

/** A new block has at most this many free bytes: the size of a TLS record. */
const mostFree = 16 * 1024;
/** How many bytes at the beginning of a frame decide about it. */
const beginning = 32;

/** Receives frames. */
export interface FrameSink {
  /**
   * The first bytes of a frame have come. Called again as long as fewer than 32 of them were there. Returns whether the rest of the frame is
   * to be skipped, neither kept nor told.
   */
  skips?(beginning: Buffer, isWhole: boolean): boolean;
  /**
   * A frame is whole. The bytes are lent until the call returns.
   *
   * @param pieces Its bytes, one after the other.
   * @param end The position behind it in the bytes that were read last.
   */
  frame(pieces: readonly Buffer[], end: number): void;
}

/** Puts the frames of a stream together, such as the events of a watch. Their bytes come in pieces. In linear time. */
export class WholeFrames {
  readonly #frames: FrameReader;
  readonly #most: number;
  readonly #sink: FrameSink;
  /**
   * The bytes of an incomplete frame. All blocks are full but the last one. Bytes that come are never copied from block to block, and a frame in
   * many small pieces does not become as many buffers.
   */
  #blocks: Buffer[] = [];
  /** The bytes in the last block. */
  #used = 0;
  #length = 0;
  #isSkipping = false;

  /** @param most The most bytes of a frame. */
  constructor(frames: FrameReader, most: number, sink: FrameSink) {
    this.#frames = frames;
    this.#most = most;
    this.#sink = sink;
  }

  /** Whether all frames that have begun are whole. */
  get isBetween(): boolean {
    return this.#frames.isBetween;
  }

  /**
   * Tells the sink of each frame that is whole with these bytes, which the caller may overwrite after the call. Throws an Error for a frame
   * that is too large, after those before it, and what the sink throws; it must not be used after that.
   */
  read(bytes: Buffer): void {
    for (let start = 0; start < bytes.length; ) {
      const end = this.#frames.readFrame(bytes, start);
      const piece = bytes.subarray(start, end);
      start += piece.length;
      if (this.#sink.skips !== undefined && !this.#isSkipping && this.#length < beginning)
        this.#isSkipping = this.#sink.skips(this.#beginningWith(piece), end !== undefined);
      if (!this.#isSkipping) this.#checkSize(piece);
      if (end === undefined) {
        if (!this.#isSkipping) this.#append(piece);
        continue;
      }
      const pieces = this.#takeWith(piece);
      if (!this.#isSkipping) this.#sink.frame(pieces, end);
      this.#isSkipping = false;
    }
  }

  #checkSize(piece: Buffer): void {
    const length = this.#length + piece.length + (this.#frames.missing ?? 0);
    if (length > this.#most) throw new Error('an event of the watch is too large');
  }

  /** The first bytes of the frame that this piece belongs to. */
  #beginningWith(piece: Buffer): Buffer {
    return this.#length === 0 ? piece : Buffer.concat([...this.#pending, piece.subarray(0, beginning)]);
  }

  get #pending(): readonly Buffer[] {
    return this.#blocks.map((block, index) =>
      index === this.#blocks.length - 1 ? block.subarray(0, this.#used) : block,
    );
  }

  #append(piece: Buffer): void {
    const last = this.#blocks.at(-1);
    const fitting = last === undefined ? 0 : piece.copy(last, this.#used);
    this.#used += fitting;
    if (fitting < piece.length) {
      const block = Buffer.allocUnsafeSlow(
        Math.max(piece.length - fitting, Math.min(this.#length, mostFree)),
      );
      this.#used = piece.copy(block, 0, fitting);
      this.#blocks.push(block);
    }
    this.#length += piece.length;
  }

  /** All pieces of a frame that ends with this one. */
  #takeWith(piece: Buffer): readonly Buffer[] {
    if (this.#length === 0) return [piece];
    const pieces = [...this.#pending, piece];
    this.#blocks = [];
    this.#used = 0;
    this.#length = 0;
    return pieces;
  }
}
