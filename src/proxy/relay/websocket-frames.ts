import { SteppedParts } from '../parts.js';

const textFrame = 0x1;
const binaryFrame = 0x2;
const closeFrame = 0x8;

/**
 * Reads the frames of one direction of a WebSocket (RFC 6455, section 5.2) up to the first close frame, after which the other side closes
 * the connection. It keeps no bytes, and skips payloads.
 */
export class WebSocketFrames extends SteppedParts {
  readonly #onClose: () => void;
  #isClosed = false;
  /** Bytes until the next frame: the rest of the mask and the payload. */
  #skipped = 0;
  /** Whether the first byte of a frame has come, and its length has not. */
  #isHead = false;
  /** How many bytes of an extended length are still to come. */
  #lengthBytes = 0;
  #length = 0;
  #maskLength = 0;
  /** Whether more frames of the same message follow. */
  #isFragmented = false;
  /** Whether the last message was binary; undefined before the first one. */
  isBinary: boolean | undefined;

  constructor(onClose: () => void) {
    super();
    this.#onClose = onClose;
  }

  /** Whether a message may begin here. After a close frame there is none. */
  override get isBetween(): boolean {
    return this.#skipped === 0 && !this.#isHead && !this.#isFragmented && !this.#isClosed;
  }

  protected override step(bytes: Buffer, at: number): number {
    if (this.#isClosed) return bytes.length;
    if (this.#skipped === 0) {
      this.#readHead(bytes[at] as number);
      return at + 1;
    }
    const step = Math.min(this.#skipped, bytes.length - at);
    this.#skipped -= step;
    return at + step;
  }

  #readHead(byte: number): void {
    if (!this.#isHead) {
      this.#begin(byte);
      return;
    }
    if (this.#lengthBytes > 0) {
      this.#lengthBytes -= 1;
      this.#length = this.#length * 256 + byte;
    } else {
      const length = byte & 0x7f;
      this.#maskLength = byte & 0x80 ? 4 : 0;
      this.#lengthBytes = length === 127 ? 8 : length === 126 ? 2 : 0;
      this.#length = this.#lengthBytes === 0 ? length : 0;
    }
    if (this.#lengthBytes > 0) return;
    this.#skipped = this.#maskLength + this.#length;
    this.#isHead = false;
  }

  #begin(byte: number): void {
    this.#isHead = true;
    const opcode = byte & 0x0f;
    // Control frames may come between the frames of a message.
    if (opcode < closeFrame) this.#isFragmented = (byte & 0x80) === 0;
    if (opcode === textFrame || opcode === binaryFrame) this.isBinary = opcode === binaryFrame;
    if (opcode !== closeFrame) return;
    this.#isClosed = true;
    this.#onClose();
  }
}
