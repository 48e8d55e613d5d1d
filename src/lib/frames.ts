/** Finds where the frames of a stream end: its lines, its events, the frames of a protocol. It keeps no bytes. */
export interface FrameReader {
  /** Whether all frames that have begun are whole. */
  readonly isBetween: boolean;
  /** How many bytes of the frame on its way are still to come, if it has said that. */
  readonly missing?: number;
  read(bytes: Buffer): void;
  /** Reads from this position to the next end of a frame. Returns the position behind it, or undefined if no frame ends in these bytes. */
  readFrame(bytes: Buffer, from?: number): number | undefined;
}

/** Lines that end with a line feed: those of a log, and the events of a watch in JSON. */
export class Lines implements FrameReader {
  isBetween = true;

  read(bytes: Buffer): void {
    this.isBetween = bytes[bytes.length - 1] === lineFeed;
  }

  readFrame(bytes: Buffer, from = 0): number | undefined {
    const at = bytes.indexOf(lineFeed, from);
    this.isBetween = at !== -1;
    return at === -1 ? undefined : at + 1;
  }
}

const lineFeed = 0x0a;

/** Frames that are read step by step: a byte of a head, or as much of a payload as is there. */
export abstract class SteppedFrames implements FrameReader {
  abstract readonly isBetween: boolean;

  read(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at = this.step(bytes, at);
  }

  readFrame(bytes: Buffer, from = 0): number | undefined {
    for (let at = from; at < bytes.length; ) {
      at = this.step(bytes, at);
      if (this.isBetween) return at;
    }
    return undefined;
  }

  /** Reads from this position on. Returns the position behind what it has read, which is at least one byte. */
  protected abstract step(bytes: Buffer, at: number): number;
}

/** Frames with a head of so many bytes. Its last bytes are the length of the payload behind it, the most significant one first. */
class LengthPrefixed extends SteppedFrames {
  readonly #headBytes: number;
  readonly #lengthBytes: number;
  /** How many bytes of a head have come. */
  #head = 0;
  #length = 0;
  /** Bytes of the payload that are still to come. */
  missing = 0;

  constructor(headBytes: number, lengthBytes: number) {
    super();
    this.#headBytes = headBytes;
    this.#lengthBytes = lengthBytes;
  }

  override get isBetween(): boolean {
    return this.#head === 0 && this.missing === 0;
  }

  protected override step(bytes: Buffer, at: number): number {
    if (this.missing > 0) {
      const read = Math.min(this.missing, bytes.length - at);
      this.missing -= read;
      return at + read;
    }
    if (this.#head >= this.#headBytes - this.#lengthBytes)
      this.#length = this.#length * 256 + (bytes[at] as number);
    this.#head += 1;
    if (this.#head === this.#headBytes) {
      this.missing = this.#length;
      this.#head = 0;
      this.#length = 0;
    }
    return at + 1;
  }
}

/** The events of a watch in protobuf (apimachinery `framer.NewLengthDelimitedFrameReader`). */
export function protobufEvents(): FrameReader {
  return new LengthPrefixed(4, 4);
}

/** The frames of SPDY/3.1: a word, flags, a length of 24 bits. */
export function spdyFrames(): FrameReader {
  return new LengthPrefixed(8, 3);
}
