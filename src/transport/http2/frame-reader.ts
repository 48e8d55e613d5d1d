import { errorCode, frameHeaderLength, Http2Error, maxFrameLength } from './frames.js';

/** Called for every frame, in order. The payload is a part of the bytes that were read. */
export type OnFrame = (type: number, flags: number, streamId: number, payload: Buffer) => void;

/** Splits the bytes of a connection into frames. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  /** The beginning of a frame that continues in the next read (a copy), and how many of its bytes have come. */
  #rest: Buffer = Buffer.alloc(0);
  #restLength = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Reads more bytes. Throws an Http2Error for a frame that is too large, and passes on every error of `onFrame`. */
  push(chunk: Buffer): void {
    let at = this.#restLength === 0 ? 0 : this.#complete(chunk);
    while (chunk.length - at >= frameHeaderLength) {
      const end = at + frameHeaderLength + payloadLength(chunk, at);
      if (end > chunk.length) break;
      this.#give(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#keepRest(chunk, at);
  }

  #give(bytes: Buffer, at: number, end: number): void {
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    const payload = bytes.subarray(at + frameHeaderLength, end);
    this.#onFrame(bytes[at + 3] as number, bytes[at + 4] as number, streamId, payload);
  }

  /** Completes the frame of the rest. Returns the index of the next one. */
  #complete(chunk: Buffer): number {
    let at = 0;
    if (this.#restLength < frameHeaderLength) {
      at = this.#fill(chunk, 0, frameHeaderLength);
      if (this.#restLength < frameHeaderLength) return at;
    }
    const length = frameHeaderLength + payloadLength(this.#rest, 0);
    at = this.#fill(chunk, at, length);
    if (this.#restLength < length) return at;
    const whole = this.#rest;
    this.#restLength = 0;
    this.#give(whole, 0, length);
    return at;
  }

  #fill(chunk: Buffer, at: number, length: number): number {
    if (this.#rest.length < length) {
      const larger = Buffer.allocUnsafe(length);
      this.#rest.copy(larger, 0, 0, this.#restLength);
      this.#rest = larger;
    }
    const copied = chunk.copy(this.#rest, this.#restLength, at, at + length - this.#restLength);
    this.#restLength += copied;
    return at + copied;
  }

  #keepRest(chunk: Buffer, at: number): void {
    const rest = chunk.length - at;
    const length =
      rest < frameHeaderLength ? frameHeaderLength : frameHeaderLength + payloadLength(chunk, at);
    this.#rest = Buffer.allocUnsafe(length);
    this.#restLength = chunk.copy(this.#rest, 0, at);
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = bytes.readUIntBE(at, 3);
  if (length > maxFrameLength) throw new Http2Error(errorCode.frameSizeError, 'a frame is too large');
  return length;
}
