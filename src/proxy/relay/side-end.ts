const closeFrame = 0x8;

/**
 * Hears when one side of an upgraded connection ends it: by the end of its bytes or, in a WebSocket, by a close frame (RFC 6455, section
 * 5.5.1), after which the other side closes the connection. It keeps no bytes, and skips payloads.
 */
export class SideEnd {
  readonly #onEnd: () => void;
  /** Whether frames are read: in a WebSocket, up to the first close frame. */
  #readsFrames: boolean;
  /** Bytes until the next frame: the rest of the mask and the payload. */
  #skipped = 0;
  /** Whether the first byte of a frame has come, and its length has not. */
  #isHead = false;
  /** How many bytes of an extended length are still to come. */
  #lengthBytes = 0;
  #length = 0;
  #maskLength = 0;

  constructor(isWebSocket: boolean, onEnd: () => void) {
    this.#readsFrames = isWebSocket;
    this.#onEnd = onEnd;
  }

  /** The side has sent these bytes. */
  read(bytes: Buffer): void {
    for (let at = 0; this.#readsFrames && at < bytes.length; ) {
      if (this.#skipped === 0) {
        this.#readHead(bytes[at] as number);
        at += 1;
        continue;
      }
      const step = Math.min(this.#skipped, bytes.length - at);
      this.#skipped -= step;
      at += step;
    }
  }

  /** The side has sent its last byte. */
  end(): void {
    this.#onEnd();
  }

  #readHead(byte: number): void {
    if (!this.#isHead) {
      this.#isHead = true;
      if ((byte & 0x0f) !== closeFrame) return;
      this.#readsFrames = false;
      this.#onEnd();
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
}
