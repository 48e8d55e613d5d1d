import {
  errorCode,
  flag,
  frameHeaderLength,
  frameType,
  Http2Error,
  malformed,
  maxFrameLength,
  setting,
} from './frames.js';
import { HeaderBlock, type HeaderFields } from './header-block.js';

/** The frames of an API server. The listener must check whether their streams have begun. */
export interface InboundEvents {
  /**
   * The API server's SETTINGS, always the first frame. A limit is undefined if they do not change it.
   *
   * @param maxHead The largest head of a request, as RFC 9113, section 6.5.2 counts it.
   */
  onSettings(maxStreams: number | undefined, maxHead: number | undefined): void;
  /** A PING. Its answer must have the same payload. */
  onPing(payload: Buffer): void;
  /** The API server accepts no stream with a higher id. */
  onGoaway(lastStreamId: number): void;
  onHeaders(streamId: number, fields: HeaderFields, isEnd: boolean): void;
  /** @param length The bytes that count towards flow control, padding included. */
  onData(streamId: number, chunk: Buffer, length: number, isEnd: boolean): void;
  onReset(streamId: number, code: number): void;
}

/** Reads the frames of an API server, and checks which frame may come when (RFC 9113, section 6). */
export class Inbound {
  readonly #events: InboundEvents;
  readonly #reader = new FrameReader((type, flags, streamId, payload) =>
    this.#onFrame(type, flags, streamId, payload),
  );
  readonly #headers: HeaderBlock;
  #isGreeted = false;

  constructor(events: InboundEvents) {
    this.#events = events;
    this.#headers = new HeaderBlock((streamId, isEnd, fields) => events.onHeaders(streamId, fields, isEnd));
  }

  /** Reads more bytes. Throws an error if they are not HTTP/2, and passes on every error of the events. */
  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === frameType.data && !this.#headers.isOpen) {
      const chunk = (flags & flag.padded) === 0 ? payload : withoutPadding(payload);
      this.#events.onData(streamId, chunk, payload.length, (flags & flag.endStream) !== 0);
    } else if (!this.#headers.take(type, flags, streamId, payload)) {
      this.#onControlFrame(type, flags, streamId, payload);
    }
  }

  #onControlFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (!this.#isGreeted && type !== frameType.settings) throw malformed('the first frame');
    if (isAboutConnection(type) && streamId !== 0) throw malformed('the stream of a frame');
    switch (type) {
      case frameType.settings:
        this.#onSettings(flags, payload);
        break;
      case frameType.ping:
        requireLength(payload.length === 8);
        if ((flags & flag.ack) === 0) this.#events.onPing(payload);
        break;
      case frameType.goaway:
        requireLength(payload.length >= 8);
        this.#events.onGoaway(payload.readUInt32BE() & 0x7fffffff);
        break;
      case frameType.rstStream:
        requireLength(payload.length === 4);
        this.#events.onReset(streamId, payload.readUInt32BE());
        break;
      case frameType.priority:
        if (streamId === 0) throw malformed('the stream of a frame');
        requireLength(payload.length === 5);
        break;
      case frameType.windowUpdate:
        requireLength(payload.length === 4);
        break;
      case frameType.pushPromise:
        throw malformed('a push promise');
    }
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & flag.ack) !== 0) {
      requireLength(payload.length === 0);
      return;
    }
    requireLength(payload.length % 6 === 0);
    this.#isGreeted = true;
    let maxStreams: number | undefined;
    let maxHead: number | undefined;
    for (let at = 0; at < payload.length; at += 6) {
      const id = payload.readUInt16BE(at);
      if (id === setting.maxConcurrentStreams) maxStreams = payload.readUInt32BE(at + 2);
      else if (id === setting.maxHeaderListSize) maxHead = payload.readUInt32BE(at + 2);
    }
    this.#events.onSettings(maxStreams, maxHead);
  }
}

function isAboutConnection(type: number): boolean {
  return type === frameType.settings || type === frameType.ping || type === frameType.goaway;
}

function requireLength(isRight: boolean): void {
  if (!isRight) throw new Http2Error(errorCode.frameSizeError, 'the length of a frame is wrong');
}

function withoutPadding(payload: Buffer): Buffer {
  const padding = payload[0] ?? 0;
  if (padding >= payload.length) throw malformed('the padding of a frame');
  return payload.subarray(1, payload.length - padding);
}

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
    let at = 0;
    while (at < chunk.length) {
      const length = this.#restLength > 0 ? Infinity : neededLength(chunk, at, chunk.length);
      if (at + length > chunk.length) at = this.#fill(chunk, at);
      else {
        this.#give(chunk, at, at + length);
        at += length;
      }
    }
  }

  #give(bytes: Buffer, at: number, end: number): void {
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    const payload = bytes.subarray(at + frameHeaderLength, end);
    this.#onFrame(bytes[at + 3] as number, bytes[at + 4] as number, streamId, payload);
  }

  /** Adds bytes to the rest, as far as its length is known. Returns the index of the first byte that is left. */
  #fill(chunk: Buffer, at: number): number {
    const length = neededLength(this.#rest, 0, this.#restLength);
    if (this.#rest.length < length) {
      const larger = Buffer.allocUnsafe(length);
      this.#rest.copy(larger, 0, 0, this.#restLength);
      this.#rest = larger;
    }
    const copied = chunk.copy(this.#rest, this.#restLength, at, at + length - this.#restLength);
    this.#restLength += copied;
    if (this.#restLength === neededLength(this.#rest, 0, this.#restLength)) {
      const whole = this.#rest;
      this.#rest = Buffer.alloc(0);
      this.#restLength = 0;
      this.#give(whole, 0, whole.length);
    }
    return at + copied;
  }
}

/** The length of the frame at `at`, or of its header as long as that is not whole. `end` is the index after the last byte that has come. */
function neededLength(bytes: Buffer, at: number, end: number): number {
  if (end - at < frameHeaderLength) return frameHeaderLength;
  const length = bytes.readUIntBE(at, 3);
  if (length > maxFrameLength) throw new Http2Error(errorCode.frameSizeError, 'a frame is too large');
  return frameHeaderLength + length;
}
