import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type OutgoingRequest, refuseIllegal } from '../carrier.js';
import type { Dial } from '../dial.js';
import { FrameReader } from './frame-reader.js';
import {
  connectionPreface,
  errorCode,
  flag,
  frame,
  frameType,
  goawayFrame,
  headersFrames,
  rstStreamFrame,
  setting,
  settingsFrame,
  windowUpdateFrame,
} from './frames.js';
import { HeaderBlock } from './header-block.js';
import { encodeHeaders } from './hpack.js';
import { Http2Error } from './http2-error.js';
import { ReadBuffer } from './read-buffer.js';
import { malformed } from './response-head.js';
import { Http2Stream, streamWindow } from './stream.js';

/** Bytes of all streams together that may be on their way: they are taken at once, whoever they are for. */
const connectionWindow = 16 * 1024 * 1024;
const initialWindow = 65_535;
/** Streams at a time before the API server has said how many, and at most: net/http's and nghttp2's usual limit, and API servers'. */
const assumedStreams = 100;
const mostStreams = 250;
const lastStreamId = 0x7fffffff;
/** Looks without anything heard after which a PING is sent, and after which the connection is given up: client-go's 30 s and 45 s. */
const looksUntilPing = 6;
const looksUntilEnd = 9;

const hello = Buffer.concat([
  Buffer.from(connectionPreface),
  settingsFrame([
    [setting.headerTableSize, 0],
    [setting.enablePush, 0],
    [setting.initialWindowSize, streamWindow],
    [setting.maxHeaderListSize, 1 << 20],
  ]),
  windowUpdateFrame(0, connectionWindow - initialWindow),
]);
const settingsAck = frame(frameType.settings, flag.ack, 0, Buffer.alloc(0));

/** How a connection that was dialled for HTTP/2 turned out. */
export type Negotiated = 'h2' | 'http/1.1';

/**
 * One HTTP/2 connection to the API server (RFC 9113), for requests without a body that stay open. Such a request costs a TLS
 * connection of its own otherwise, and each event a read of its own; Node's client costs more for an event than that read.
 */
export class Http2Connection {
  /** Rejects with the error of dialling. Over HTTP/1.1 the connection has ended. */
  readonly negotiated: Promise<Negotiated>;
  readonly #onEnd: (connection: Http2Connection) => void;
  readonly #streams = new Map<number, Http2Stream>();
  readonly #reader = new FrameReader((type, flags, streamId, payload) =>
    this.#onFrame(type, flags, streamId, payload),
  );
  readonly #headers = new HeaderBlock((streamId, isEnd, fields) => this.#onHeaders(streamId, isEnd, fields));
  readonly #buffer = new ReadBuffer();
  readonly #dialled: { destroy(): void };
  #settle:
    | { readonly resolve: (how: Negotiated) => void; readonly reject: (error: Error) => void }
    | undefined;
  #socket: Socket | undefined;
  #isReady = false;
  #isEnded = false;
  /** Whether no stream can begin any more. */
  #isLeaving = false;
  #nextId = 1;
  /** Streams that were given out and not sent yet. */
  #places = 0;
  #maxStreams = assumedStreams;
  /** Bytes that the API server may still send, over all streams. */
  #window = connectionWindow;
  /** Whether something came since the last look, and looks without. */
  #wasHeard = true;
  #quietLooks = 0;

  constructor(dial: Dial, onEnd: (connection: Http2Connection) => void) {
    this.#onEnd = onEnd;
    this.negotiated = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.negotiated.catch(() => {});
    this.#dialled = dial(
      (error, socket) => {
        if (socket === null) this.#fail(error as Error);
        else this.#open(socket);
      },
      { buffer: this.#buffer.next, callback: this.#onRead },
    );
  }

  /** Whether the API server has said hello. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether no stream has begun on it: one that fails on it has not met a connection gone stale. */
  get isFresh(): boolean {
    return this.#nextId === 1;
  }

  get isIdle(): boolean {
    return this.#streams.size === 0 && this.#places === 0;
  }

  get hasRoom(): boolean {
    return (
      !this.#isEnded &&
      !this.#isLeaving &&
      this.#nextId < lastStreamId &&
      this.#streams.size + this.#places < this.#maxStreams
    );
  }

  /** A stream to send a request on; undefined when there is no room for one. */
  open(): Http2Stream | undefined {
    if (!this.hasRoom) return undefined;
    this.#places += 1;
    return new Http2Stream(this);
  }

  /** Keeps a place until it is known what the connection is, and then has a stream for it if there still is one. */
  async openLater(): Promise<Http2Stream | Negotiated> {
    this.#places += 1;
    const how = await this.negotiated.finally(() => {
      this.#places -= 1;
    });
    const stream = how === 'h2' ? this.open() : undefined;
    this.#endIfLeft();
    return stream ?? how;
  }

  /** To be called by a stream: sends its request. Throws a TypeError when it would not be HTTP. */
  start(stream: Http2Stream, request: OutgoingRequest): void {
    refuseIllegal(request);
    if (this.#isEnded || this.#isLeaving) {
      const gone = Object.assign(new Error('the connection ended before the request'), {
        code: 'ECONNRESET',
      });
      queueMicrotask(() => stream.fail(gone, { isUnseen: true }));
      return;
    }
    this.#places -= 1;
    stream.id = this.#nextId;
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    this.#socket?.write(headersFrames(stream.id, encodeHeaders(fieldsOf(request))));
  }

  /** A stream is over, or will not be sent. */
  leave(stream: Http2Stream): void {
    if (stream.id === 0) {
      this.#places -= 1;
      stream.id = -1;
    } else this.#streams.delete(stream.id);
    this.#endIfLeft();
  }

  #endIfLeft(): void {
    if (this.#isLeaving && this.isIdle) this.destroy();
  }

  /** Tells the API server that a stream is given up. */
  reset(streamId: number, code: number): void {
    this.#socket?.write(rstStreamFrame(streamId, code));
  }

  /** Lets the API server send more on a stream. */
  widen(streamId: number, bytes: number): void {
    this.#socket?.write(windowUpdateFrame(streamId, bytes));
  }

  /** The bytes that are being given on are needed longer. */
  detach(): void {
    this.#buffer.keep();
  }

  /** Takes no new stream, and ends with the last one. */
  close(): void {
    this.#isLeaving = true;
    this.#endIfLeft();
  }

  /** Ends it and every stream on it now. */
  destroy(): void {
    this.#fail(Object.assign(new Error('ended by this side'), { code: 'ECONNRESET' }), errorCode.noError);
  }

  /** To be called every 5 s: finds out whether the API server is still there. */
  look(): void {
    this.#quietLooks = this.#wasHeard ? 0 : this.#quietLooks + 1;
    this.#wasHeard = false;
    if (this.#quietLooks === looksUntilPing) {
      this.#socket?.write(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
    } else if (this.#quietLooks >= looksUntilEnd) {
      this.#fail(Object.assign(new Error('no answer to a PING'), { code: 'ETIMEDOUT' }), errorCode.noError);
    }
  }

  #open(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', this.#onSocketError).on('data', this.#onData);
    socket.on('end', this.#onSocketClose).on('close', this.#onSocketClose);
    if ((socket as TLSSocket).alpnProtocol === 'h2') socket.write(hello);
    else {
      this.#settle?.resolve('http/1.1');
      this.destroy();
    }
  }

  #onSocketError = (error: Error): void => this.#fail(error);

  #onSocketClose = (): void => {
    this.#fail(Object.assign(new Error('closed before the answer was complete'), { code: 'ECONNRESET' }));
  };

  #onRead = (length: number, buffer: Uint8Array): boolean => {
    this.#buffer.wasRead(length);
    this.#onData((buffer as Buffer).subarray(0, length));
    return true;
  };

  #onData = (chunk: Buffer): void => {
    if (this.#isEnded) return;
    this.#wasHeard = true;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error as Error, error instanceof Http2Error ? error.wireCode : errorCode.protocolError);
    }
  };

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#isEnded) return;
    if (type === frameType.data && !this.#headers.isOpen) this.#onDataFrame(flags, streamId, payload);
    else if (this.#headers.take(type, flags, streamId, payload)) return;
    else if (!this.#isReady && type !== frameType.settings) throw malformed('the first frame');
    else if (isAboutConnection(type) && streamId !== 0) throw malformed('the stream of a frame');
    else this.#onControlFrame(type, flags, streamId, payload);
  }

  #onControlFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    switch (type) {
      case frameType.settings:
        this.#onSettings(flags, payload);
        break;
      case frameType.ping:
        requireLength(payload, 8);
        if ((flags & flag.ack) === 0) this.#socket?.write(frame(frameType.ping, flag.ack, 0, payload));
        break;
      case frameType.goaway:
        this.#onGoaway(payload);
        break;
      case frameType.rstStream:
        requireLength(payload, 4);
        this.#requireBegun(streamId);
        this.#streams.get(streamId)?.onReset(payload.readUInt32BE());
        break;
      case frameType.pushPromise:
        throw malformed('a push promise');
    }
  }

  #onDataFrame(flags: number, streamId: number, payload: Buffer): void {
    this.#requireBegun(streamId);
    this.#window -= payload.length;
    if (this.#window < 0) throw new Http2Error(errorCode.flowControlError, 'the API server sends too much');
    if (this.#window < connectionWindow / 2) {
      this.widen(0, connectionWindow - this.#window);
      this.#window = connectionWindow;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const chunk = (flags & flag.padded) === 0 ? payload : withoutPadding(payload);
    try {
      stream.onData(chunk, payload.length, (flags & flag.endStream) !== 0);
    } catch (error) {
      this.#failStream(stream, error as Error);
    }
  }

  #onHeaders(streamId: number, isEnd: boolean, fields: readonly string[]): void {
    this.#requireBegun(streamId);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    try {
      stream.onHeaders(fields, isEnd);
    } catch (error) {
      this.#failStream(stream, error as Error);
    }
  }

  /** What is wrong with one answer is not the others' matter. */
  #failStream(stream: Http2Stream, error: Error): void {
    this.reset(stream.id, error instanceof Http2Error ? error.wireCode : errorCode.cancel);
    stream.fail(error, { isUnseen: false });
  }

  #requireBegun(streamId: number): void {
    if (streamId === 0 || streamId % 2 === 0 || streamId >= this.#nextId)
      throw malformed('the stream of a frame');
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & flag.ack) !== 0) {
      requireLength(payload, 0);
      return;
    }
    if (payload.length % 6 !== 0) requireLength(payload, -1);
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === setting.maxConcurrentStreams) {
        this.#maxStreams = Math.min(payload.readUInt32BE(at + 2), mostStreams);
      }
    }
    this.#socket?.write(settingsAck);
    if (this.#isReady) return;
    this.#isReady = true;
    this.#settle?.resolve(this.#maxStreams === 0 ? 'http/1.1' : 'h2');
  }

  /** What was sent behind the last one that the API server will answer goes elsewhere. */
  #onGoaway(payload: Buffer): void {
    if (payload.length < 8) requireLength(payload, 8);
    const last = payload.readUInt32BE() & lastStreamId;
    this.#isLeaving = true;
    const error = Object.assign(new Error('the API server takes no more requests here'), {
      code: 'ECONNRESET',
    });
    for (const [id, stream] of this.#streams) if (id > last) stream.fail(error, { isUnseen: true });
    this.#endIfLeft();
  }

  #fail(error: Error, wireCode?: number): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#settle?.reject(error);
    if (wireCode !== undefined && this.#isReady) this.#socket?.write(goawayFrame(wireCode));
    this.#socket?.destroy();
    this.#dialled.destroy();
    for (const stream of [...this.#streams.values()]) stream.fail(error, { isUnseen: false });
    this.#onEnd(this);
  }
}

function isAboutConnection(type: number): boolean {
  return type === frameType.settings || type === frameType.ping || type === frameType.goaway;
}

function requireLength(payload: Buffer, length: number): void {
  if (payload.length !== length)
    throw new Http2Error(errorCode.frameSizeError, 'the length of a frame is wrong');
}

function withoutPadding(payload: Buffer): Buffer {
  const padding = payload[0] ?? 0;
  if (padding >= payload.length) throw malformed('the padding of a frame');
  return payload.subarray(1, payload.length - padding);
}

/** A request's fields as HTTP/2 has them (RFC 9113, section 8.3.1). */
function fieldsOf({ method, path, headers }: OutgoingRequest): string[] {
  const [, authority = ''] = headers;
  const fields = [':method', method, ':scheme', 'https', ':authority', authority, ':path', path];
  for (let index = 2; index < headers.length; index += 2) {
    fields.push((headers[index] as string).toLowerCase(), headers[index + 1] as string);
  }
  return fields;
}
