import { SteppedFrames } from '../../lib/frames.js';

/** RFC 6455, section 5.2. */
export const opcodes = { text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;
/** RFC 6455, section 7.4.1. */
export const normalClosure = 1000;
export const policyViolation = 1008;
/** The most bytes of a control frame. */
export const mostControlBytes = 125;

/** A whole message in one frame, as a server sends it. */
export function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 0x10000 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (head.length === 2) head[1] = length;
  else if (head.length === 4) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  if (head.length > 2) head[1] = head.length === 4 ? 126 : 127;
  return Buffer.concat([head, payload]);
}

/** The frame that closes a connection. A reason that is too long is cut. */
export function closeFrame(code: number, reason: string): Buffer {
  const payload = Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
  return frame(opcodes.close, payload.subarray(0, mostControlBytes));
}

/**
 * Reads the frames of one direction of a WebSocket (RFC 6455, section 5.2) up to the first close frame, after which the other side closes
 * the connection. It keeps no bytes, and skips payloads.
 */
export class WebSocketFrames extends SteppedFrames {
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
  #opcode = 0;

  constructor(onClose: () => void) {
    super();
    this.#onClose = onClose;
  }

  /** Whether a message may begin here. After a close frame there is none. */
  override get isBetween(): boolean {
    return this.#skipped === 0 && !this.#isHead && !this.#isFragmented && !this.#isClosed;
  }

  protected override step(bytes: Buffer, at: number): number {
    if (this.#isClosed && !this.#isHead) return bytes.length;
    if (this.#skipped === 0) {
      this.#readHead(bytes[at] as number);
      return at + 1;
    }
    const step = Math.min(this.#skipped, bytes.length - at);
    this.#skipped -= step;
    this.skips(bytes, at, at + step);
    return at + step;
  }

  /** The head of a frame was read. Its mask and its payload follow, unless it closes the connection. */
  protected begins(_opcode: number, _isMasked: boolean, _length: number): void {}

  /** These bytes of a mask or a payload were read. */
  protected skips(_bytes: Buffer, _from: number, _to: number): void {}

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
    this.begins(this.#opcode, this.#maskLength > 0, this.#length);
  }

  #begin(byte: number): void {
    this.#isHead = true;
    const opcode = byte & 0x0f;
    this.#opcode = opcode;
    // Control frames may come between the frames of a message.
    if (opcode < opcodes.close) this.#isFragmented = (byte & 0x80) === 0;
    if (opcode === opcodes.text || opcode === opcodes.binary) this.isBinary = opcode === opcodes.binary;
    if (opcode !== opcodes.close) return;
    this.#isClosed = true;
    this.#onClose();
  }
}
