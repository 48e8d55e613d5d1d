/** Reads bytes that consist of parts, such as lines or frames, to find out where one ends. It keeps no bytes. */
export interface PartReader {
  /** Whether all parts that have begun are whole. */
  readonly isBetween: boolean;
  read(bytes: Buffer): void;
  /** Reads up to the next place between two parts. Returns how many bytes that are, or undefined if there is no such place in them. */
  readToBetween(bytes: Buffer): number | undefined;
}

/** Lines that end with a line feed: those of a log, and the events of a watch in JSON. */
export class Lines implements PartReader {
  isBetween = true;

  read(bytes: Buffer): void {
    this.isBetween = bytes[bytes.length - 1] === lineFeed;
  }

  readToBetween(bytes: Buffer): number | undefined {
    const at = bytes.indexOf(lineFeed);
    this.isBetween = at !== -1;
    return at === -1 ? undefined : at + 1;
  }
}

const lineFeed = 0x0a;

/** Parts that are read step by step: a byte of a head, or as much of a payload as is there. */
export abstract class SteppedParts implements PartReader {
  abstract readonly isBetween: boolean;

  read(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at = this.step(bytes, at);
  }

  readToBetween(bytes: Buffer): number | undefined {
    for (let at = 0; at < bytes.length; ) {
      at = this.step(bytes, at);
      if (this.isBetween) return at;
    }
    return undefined;
  }

  /** Reads from this position on. Returns the position behind what it has read, which is at least one byte. */
  protected abstract step(bytes: Buffer, at: number): number;
}

/** Parts with a head of so many bytes. Its last bytes are the length of the payload behind it, the most significant one first. */
class LengthPrefixed extends SteppedParts {
  readonly #headBytes: number;
  readonly #lengthBytes: number;
  /** How many bytes of a head have come. */
  #head = 0;
  #length = 0;
  /** Bytes of the payload that are still to come. */
  #left = 0;

  constructor(headBytes: number, lengthBytes: number) {
    super();
    this.#headBytes = headBytes;
    this.#lengthBytes = lengthBytes;
  }

  override get isBetween(): boolean {
    return this.#head === 0 && this.#left === 0;
  }

  protected override step(bytes: Buffer, at: number): number {
    if (this.#left > 0) {
      const read = Math.min(this.#left, bytes.length - at);
      this.#left -= read;
      return at + read;
    }
    if (this.#head >= this.#headBytes - this.#lengthBytes)
      this.#length = this.#length * 256 + (bytes[at] as number);
    this.#head += 1;
    if (this.#head === this.#headBytes) {
      this.#left = this.#length;
      this.#head = 0;
      this.#length = 0;
    }
    return at + 1;
  }
}

/** The events of a watch in protobuf (apimachinery `framer.NewLengthDelimitedFrameReader`). */
export function protobufEvents(): PartReader {
  return new LengthPrefixed(4, 4);
}

/** The frames of SPDY/3.1: a word, flags, a length of 24 bits. */
export function spdyFrames(): PartReader {
  return new LengthPrefixed(8, 3);
}
