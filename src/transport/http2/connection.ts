import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { fieldListSize } from '../../http/header-fields.js';
import { codedError } from '../../lib/connection-failure.js';
import { Deferred } from '../../lib/promises.js';
import type { Dial } from '../dial/dial.js';
import { ReadBuffer } from '../read-buffer.js';
import type { OutgoingRequest } from '../round-trip.js';
import {
  connectionWindow,
  errorCode,
  flag,
  frame,
  frameType,
  goawayFrame,
  greeting,
  Http2Error,
  headersFrames,
  rstStreamFrame,
  settingsAck,
  windowUpdateFrame,
} from './frames.js';
import type { HeaderFields } from './header-block.js';
import { requestFields } from './heads.js';
import { encodeHeaders } from './hpack.js';
import { Inbound, type InboundEvents, type ServerSettings } from './inbound.js';
import { Http2Stream, type StreamOwner } from './stream.js';
import { StreamTable } from './stream-table.js';

/**
 * The number of checks without a byte from the peer until a PING is due, and until the peer counts as lost. With 5 s per check these are
 * client-go's 30 s and 45 s.
 */
const checksUntilPing = 6;
const checksUntilEnd = 9;

/** Decides whether the peer is still there, by whether bytes have come between two checks. */
class Heartbeat {
  #hasReceived = true;
  #quietChecks = 0;

  /** Bytes have come. */
  received(): void {
    this.#hasReceived = true;
  }

  /** Must be called every 5 s. Returns what the caller has to do. */
  check(): 'nothing' | 'ping' | 'end' {
    this.#quietChecks = this.#hasReceived ? 0 : this.#quietChecks + 1;
    this.#hasReceived = false;
    if (this.#quietChecks >= checksUntilEnd) return 'end';
    return this.#quietChecks === checksUntilPing ? 'ping' : 'nothing';
  }
}

/**
 * After this many stream resets a connection accepts no new stream. Servers and balancers treat many resets as an attack and cut the
 * connection (500 in Envoy, 1000 in Node). So a client that causes many resets must not cost other clients their streams.
 */
const mostResets = 200;

/** The most bytes of answers (to PING and SETTINGS) that may wait for an API server that does not read them. */
const maxUnread = 1 << 20;

/** The protocol that the TLS handshake (ALPN) chose for a connection. */
type Negotiated = 'h2' | 'http/1.1';

/** One HTTP/2 connection to the API server (RFC 9113), for long-running requests without a body. */
export class Http2Connection implements InboundEvents, StreamOwner {
  readonly #onEnd: (connection: Http2Connection) => void;
  readonly #streams = new StreamTable();
  readonly #inbound = new Inbound(this);
  /** It may hold bytes of several streams at a time. */
  readonly buffer = new ReadBuffer();
  readonly #heartbeat = new Heartbeat();
  readonly #dialled: { destroy(): void };
  readonly #negotiation = new Deferred<Negotiated>();
  /** Rejects with the error of dialling. If it resolves to `http/1.1`, the connection has ended or takes no streams. */
  readonly negotiated = this.#negotiation.promise;
  #socket: Socket | undefined;
  /** Whether the API server's SETTINGS have come. */
  isReady = false;
  #isEnded = false;
  /** Whether the API server accepts no new stream (`#isRefused`), and whether this side opens no new stream (`#isClosing`). */
  #isRefused = false;
  #isClosing = false;
  #resets = 0;
  /** The largest head that the API server accepts. Go's ends the whole connection for a larger one. */
  #maxHead = Number.POSITIVE_INFINITY;
  /** Received bytes, over all streams, that no WINDOW_UPDATE has acknowledged yet. */
  #unacknowledged = 0;

  constructor(dial: Dial, onEnd: (connection: Http2Connection) => void) {
    this.#onEnd = onEnd;
    this.negotiated.catch(() => {});
    this.#dialled = dial(
      (error, socket) => {
        if (socket === null) this.#fail(error as Error);
        else this.#open(socket);
      },
      { buffer: this.buffer.next, callback: this.#onRead },
    );
  }

  get isIdle(): boolean {
    return this.#streams.isEmpty;
  }

  get hasRoom(): boolean {
    return !this.#isClosing && this.#takesStreams && this.#streams.hasRoom;
  }

  get #takesStreams(): boolean {
    return !this.#isEnded && !this.#isRefused;
  }

  /** Opens a stream for one request. Returns undefined if there is no room for one. */
  open(): Http2Stream | undefined {
    if (!this.hasRoom) return undefined;
    this.#streams.reserve();
    return new Http2Stream(this);
  }

  /**
   * Reserves a stream until the protocol is known, and then resolves to it. Resolves to the protocol instead if it is HTTP/1.1, or if the
   * API server allows fewer streams than are reserved. A stream that was reserved before `close` stays valid.
   */
  async openLater(): Promise<Http2Stream | Negotiated> {
    this.#streams.reserve();
    const how = await this.negotiated.catch((error: unknown) => {
      this.#streams.release();
      throw error;
    });
    if (how === 'h2' && this.#takesStreams && this.#streams.isWithinLimit) return new Http2Stream(this);
    this.#streams.release();
    this.#endIfLeft();
    return how;
  }

  /** Sends the request of a stream, or fails it if this connection cannot carry it. Only the stream calls it. */
  start(stream: Http2Stream, request: OutgoingRequest): void {
    const fields = requestFields(request);
    if (!this.#takesStreams || fieldListSize(fields) > this.#maxHead) {
      const unsent = codedError('ECONNRESET', 'the connection does not take the request');
      queueMicrotask(() => stream.fail(unsent, { isUnseen: true }));
      return;
    }
    this.#streams.begin(stream);
    this.#socket?.write(headersFrames(stream.id, encodeHeaders(fields)));
  }

  leave(stream: Http2Stream): void {
    this.#streams.remove(stream);
    this.#endIfLeft();
  }

  #endIfLeft(): void {
    if ((this.#isClosing || this.#isRefused) && this.isIdle) this.destroy();
  }

  reset(streamId: number, code: number): void {
    this.#socket?.write(rstStreamFrame(streamId, code));
    this.#resets += 1;
    if (this.#resets >= mostResets) this.#isClosing = true;
  }

  sendWindowUpdate(streamId: number, bytes: number): void {
    this.#socket?.write(windowUpdateFrame(streamId, bytes));
  }

  /** Accepts no new stream, and ends the connection after its last stream. */
  close(): void {
    this.#isClosing = true;
    this.#endIfLeft();
  }

  /** Ends the connection and all its streams now. */
  destroy(): void {
    this.#fail(codedError('ECONNRESET', 'the proxy ended the connection'), errorCode.noError);
  }

  /** Checks whether the API server still answers. The pool calls it every 5 s. */
  check(): void {
    const due = this.#heartbeat.check();
    if (due === 'ping') this.#socket?.write(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
    else if (due === 'end') this.#fail(codedError('ETIMEDOUT', 'no answer to a PING'), errorCode.noError);
  }

  #open(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', this.#onSocketError).on('data', this.#onBytes);
    socket.on('end', this.#onSocketClose).on('close', this.#onSocketClose);
    if ((socket as TLSSocket).alpnProtocol === 'h2') socket.write(greeting);
    else {
      this.#negotiation.resolve('http/1.1');
      this.destroy();
    }
  }

  #onSocketError = (error: Error): void => this.#fail(error);

  #onSocketClose = (): void => this.#fail(codedError('ECONNRESET', 'closed before the answer was complete'));

  #onRead = (length: number, buffer: Uint8Array): boolean => {
    this.buffer.wasRead(length);
    this.#onBytes((buffer as Buffer).subarray(0, length));
    return true;
  };

  #onBytes = (chunk: Buffer): void => {
    if (this.#isEnded) return;
    this.#heartbeat.received();
    try {
      this.#inbound.push(chunk);
    } catch (error) {
      this.#fail(error as Error, error instanceof Http2Error ? error.wireCode : errorCode.protocolError);
    }
  };

  onData(streamId: number, chunk: Buffer, length: number, isEnd: boolean): void {
    const stream = this.#streams.find(streamId);
    this.#unacknowledged += length;
    if (this.#unacknowledged >= connectionWindow / 2) {
      this.sendWindowUpdate(0, this.#unacknowledged);
      this.#unacknowledged = 0;
    }
    if (stream === undefined) return;
    try {
      stream.onData(chunk, length, isEnd);
    } catch (error) {
      this.#failStream(stream, error as Error);
    }
  }

  onHeaders(streamId: number, fields: HeaderFields, isEnd: boolean): void {
    const stream = this.#streams.find(streamId);
    if (stream === undefined) return;
    try {
      stream.onHeaders(fields, isEnd);
    } catch (error) {
      this.#failStream(stream, error as Error);
    }
  }

  onReset(streamId: number, code: number): void {
    this.#streams.find(streamId)?.onReset(code);
  }

  /** An invalid response fails its own stream only. */
  #failStream(stream: Http2Stream, error: Error): void {
    this.reset(stream.id, error instanceof Http2Error ? error.wireCode : errorCode.cancel);
    stream.fail(error, { isUnseen: false });
  }

  onSettings({ maxStreams, maxHead = this.#maxHead }: ServerSettings): void {
    this.#maxHead = maxHead;
    const takesNone = maxStreams !== undefined && this.#streams.setLimit(maxStreams) === 0;
    this.#answer(settingsAck);
    if (this.isReady) return;
    this.isReady = true;
    this.#negotiation.resolve(takesNone ? 'http/1.1' : 'h2');
  }

  onPing(payload: Buffer): void {
    this.#answer(frame(frameType.ping, flag.ack, 0, payload));
  }

  /**
   * Sends the answer to a PING or SETTINGS frame. An API server that does not read these answers gets no more of them: that is an error.
   */
  #answer(bytes: Buffer): void {
    if ((this.#socket?.writableLength ?? 0) > maxUnread) {
      throw new Http2Error(
        errorCode.enhanceYourCalm,
        'the API server does not read the answers to its frames',
      );
    }
    this.#socket?.write(bytes);
  }

  /** The API server will not answer streams with a higher id than `last`. Their requests may be sent again elsewhere. */
  onGoaway(last: number): void {
    this.#isRefused = true;
    const error = codedError('ECONNRESET', 'the API server accepts no more requests on this connection');
    for (const stream of this.#streams.behind(last)) stream.fail(error, { isUnseen: true });
    this.#endIfLeft();
  }

  #fail(error: Error, wireCode?: number): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#negotiation.reject(error);
    if (wireCode !== undefined && this.isReady) this.#socket?.write(goawayFrame(wireCode));
    this.#socket?.destroy();
    this.#dialled.destroy();
    for (const stream of this.#streams.behind(0)) stream.fail(error, { isUnseen: false });
    this.#onEnd(this);
  }
}
