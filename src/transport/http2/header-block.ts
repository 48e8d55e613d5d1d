import { errorCode, flag, frameType, malformed, tooLarge } from './frames.js';
import { decodeHeaderBlock } from './hpack.js';

/** The most bytes of a header block, and of its decoded fields: net/http's DefaultMaxHeaderBytes. */
const maxSize = 1 << 20;
/** The most frames of one block, because empty frames do not add to its bytes. */
const maxFrames = 256;

/** Name, value, name, value, …; undefined if the fields are too large, which concerns one stream only, since there is no dynamic table. */
export type HeaderFields = readonly string[] | undefined;
type OnBlock = (streamId: number, isEnd: boolean, fields: HeaderFields) => void;

/** Joins the HEADERS and CONTINUATION frames of a header block, and decodes it. */
export class HeaderBlock {
  readonly #onBlock: OnBlock;
  #streamId = 0;
  #isEnd = false;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(onBlock: OnBlock) {
    this.#onBlock = onBlock;
  }

  /** Whether a block is incomplete. No other frame may come before its end. */
  get isOpen(): boolean {
    return this.#parts.length > 0;
  }

  /** Returns whether the frame is part of a header block. Throws an Http2Error for a frame that is not allowed here. */
  take(type: number, flags: number, streamId: number, payload: Buffer): boolean {
    if (this.isOpen) {
      if (type !== frameType.continuation || streamId !== this.#streamId)
        throw malformed('a frame inside a head');
      this.#add(flags, payload);
      return true;
    }
    if (type === frameType.continuation) throw malformed('a CONTINUATION frame without a HEADERS frame');
    if (type !== frameType.headers) return false;
    this.#streamId = streamId;
    this.#isEnd = (flags & flag.endStream) !== 0;
    this.#size = 0;
    this.#add(flags, fragmentOf(flags, payload));
    return true;
  }

  #add(flags: number, fragment: Buffer): void {
    const isWhole = (flags & flag.endHeaders) !== 0;
    this.#size += fragment.length;
    if (this.#size > maxSize || this.#parts.length >= maxFrames) {
      throw tooLarge(errorCode.protocolError);
    }
    // The next read overwrites the payload, so an incomplete block needs a copy.
    this.#parts.push(isWhole ? fragment : Buffer.from(fragment));
    if (!isWhole) return;
    const block = this.#parts.length === 1 ? fragment : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#onBlock(this.#streamId, this.#isEnd, decodeHeaderBlock(block, maxSize));
  }
}

/** The payload of a HEADERS frame without padding and priority (RFC 9113, section 6.2). */
function fragmentOf(flags: number, payload: Buffer): Buffer {
  const isPadded = (flags & flag.padded) !== 0;
  const start = (isPadded ? 1 : 0) + ((flags & flag.priority) === 0 ? 0 : 5);
  const end = payload.length - (isPadded ? (payload[0] ?? 0) : 0);
  if (start > end) throw malformed('the padding of a frame');
  return payload.subarray(start, end);
}
