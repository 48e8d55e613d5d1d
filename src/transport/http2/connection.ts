import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { fieldListSize } from '../../http/header-fields.js';
import { codedError } from '../../lib/connection-failure.js';
import type { Dial } from '../dial/dial.js';
import { ReadBuffer } from '../read-buffer.js';
import type { OutgoingRequest } from '../round-trip.js';
import {
  connectionWindow,
  errorCode,
  firstStreamId,
  flag,
  goawayFrame,
  greeting,
  Http2Error,
  headersFrames,
  malformed,
  pingFrame,
  rstStreamFrame,
  settingsAck,
  windowUpdateFrame,
} from './frames.js';
import type { HeaderFields } from './header-block.js';
import { requestFields } from './heads.js';
import { encodeHeaders } from './hpack.js';
import { Inbound, type InboundEvents } from './inbound.js';
import { Http2Stream, type StreamOwner } from './stream.js';

/**
 * The number of checks without a byte from the peer until a PING is due, and until the peer counts as lost. With 5 s per check these are
 * client-go's 30 s and 45 s.
 */
const checksUntilPing = 7;
const checksUntilEnd = 10;

/** The most streams that are opened at a time, whatever the API server allows: the usual limit of net/http and nghttp2. */
const mostStreams = 250;
/** No stream has a higher id than 2^31 - 1 (RFC 9113, section 5.1.1), even if all that are open are sent later. */
const lastStreamId = 0x7fffffff - 2 * mostStreams;

/**
 * After this many stream resets a connection accepts no new stream. Servers and balancers treat many resets as an attack and cut the
 * connection (500 in Envoy, 1000 in Node). So a client that causes many resets must not cost other clients their streams.
 */
const mostResets = 200;

/** The most bytes of answers (to PING and SETTINGS) that may wait for an API server that does not read them. */
const maxUnread = 1 << 20;

/** The pool that a connection belongs to. */
export interface Http2Owner {
  /** It is known whether the API server takes streams on this connection. If not, the connection ends. */
  settled(connection: Http2Connection, takesStreams: boolean): void;
  /** The connection has ended: before it was settled because of this error. */
  ended(connection: Http2Connection, error: Error): void;
}

/**
 * One HTTP/2 connection to the API server (RFC 9113), for long-running requests without a body.
 *
 * The folder is an HTTP/2 client of its own because node:http2 costs more: with 1,000 watches, 14.2 µs of CPU for an event and 31 KB for a
 * quiet watch, where this one takes 11.3 µs and 20 KB (one run, in turns, Node 20.20). Also, it takes an answer for complete if a RST_STREAM
 * without an error cuts it short, and ends every answer at a GOAWAY with an error; and it has no public interface for frames or HPACK alone.
 * `test/transport/http2/beside-node.test.ts` compares both clients, and lists where they differ on purpose.
 */
export class Http2Connection implements InboundEvents, StreamOwner {
  readonly #owner: Http2Owner;
  /** The streams that are not sent yet, and the open ones by their ids. */
  readonly #unsent = new Set<Http2Stream>();
  readonly #streams = new Map<number, Http2Stream>();
  #nextId = firstStreamId;
  /** How many streams the API server allows at a time. */
  #limit = mostStreams;
  readonly #inbound = new Inbound(this);
  /** It may hold bytes of several streams at a time. */
  readonly buffer = new ReadBuffer();
  readonly #dialled: { destroy(): void };
  #socket: Socket | undefined;
  /** For how many checks of the pool it has been idle. */
  idleChecks = 0;
  /** For how many checks no byte has come. */
  #quietChecks = 0;
  /** Whether it is being opened, until the API server's SETTINGS have come. */
  isDialling = true;
  #isEnded = false;
  /** Whether the API server accepts no new stream (`#isRefused`), and whether this side opens no new stream (`#isClosing`). */
  #isRefused = false;
  #isClosing = false;
  #resets = 0;
  /** The largest head that the API server accepts. Go's ends the whole connection for a larger one. */
  #maxHead = Number.POSITIVE_INFINITY;
  /** Received bytes, over all streams, that no WINDOW_UPDATE has acknowledged yet. */
  #unacknowledged = 0;

  constructor(dial: Dial, owner: Http2Owner) {
    this.#owner = owner;
    this.#dialled = dial(
      (error, socket) => {
        if (socket === null) this.#fail(error as Error);
        else this.#open(socket);
      },
      { buffer: this.buffer.next, callback: this.#onRead },
    );
  }

  get #openStreams(): number {
    return this.#unsent.size + this.#streams.size;
  }

  /** Whether it carries no request, and waits for some. */
  get isIdle(): boolean {
    return !this.isDialling && this.#openStreams === 0;
  }

  get #takesStreams(): boolean {
    return !this.isDialling && !this.#isEnded && !this.#isRefused;
  }

  get hasRoom(): boolean {
    const mayOpen = this.#takesStreams && !this.#isClosing;
    return mayOpen && this.#openStreams < this.#limit && this.#nextId < lastStreamId;
  }

  /** Opens a stream for one request. Returns undefined if there is no room for one. */
  open(): Http2Stream | undefined {
    if (!this.hasRoom) return undefined;
    this.idleChecks = 0;
    const stream = new Http2Stream(this);
    this.#unsent.add(stream);
    return stream;
  }

  /** Sends the request of a stream, or fails it if this connection cannot carry it. Only the stream calls it. */
  start(stream: Http2Stream, request: OutgoingRequest): void {
    const fields = requestFields(request);
    if (!this.#takesStreams || fieldListSize(fields) > this.#maxHead) {
      const unsent = codedError('ECONNRESET', 'the connection does not take the request');
      queueMicrotask(() => stream.fail(unsent, { isUnseen: true }));
      return;
    }
    this.#unsent.delete(stream);
    stream.id = this.#nextId;
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    this.#socket?.write(headersFrames(stream.id, encodeHeaders(fields)));
  }

  leave(stream: Http2Stream): void {
    this.#unsent.delete(stream);
    this.#streams.delete(stream.id);
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

  /** Accepts no new stream, and ends the connection after its last stream. While it is being opened, this has no effect. */
  close(): void {
    this.#isClosing = !this.isDialling;
    this.#endIfLeft();
  }

  /** Ends the connection and all its streams now. */
  destroy(error: Error = codedError('ECONNRESET', 'the proxy ended the connection')): void {
    this.#fail(error, errorCode.noError);
  }

  /** Checks whether the API server still answers. The pool calls it every 5 s. */
  check(): void {
    this.#quietChecks += 1;
    if (this.#quietChecks === checksUntilPing) this.#socket?.write(pingFrame(0, Buffer.alloc(8)));
    if (this.#quietChecks >= checksUntilEnd)
      this.#fail(codedError('ETIMEDOUT', 'no answer to a PING'), errorCode.noError);
  }

  #open(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', this.#onSocketError).on('data', this.#onBytes);
    socket.on('end', this.#onSocketClose).on('close', this.#onSocketClose);
    if ((socket as TLSSocket).alpnProtocol === 'h2') socket.write(greeting);
    else this.#settle(false);
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
    this.#quietChecks = 0;
    try {
      this.#inbound.push(chunk);
    } catch (error) {
      this.#fail(error as Error, error instanceof Http2Error ? error.wireCode : errorCode.protocolError);
    }
  };

  /** The open stream with this id, or undefined if that is complete. Throws an Http2Error if none with this id has begun. */
  #find(id: number): Http2Stream | undefined {
    if (id % 2 === 0 || id >= this.#nextId) throw malformed('the stream of a frame');
    return this.#streams.get(id);
  }

  onData(streamId: number, chunk: Buffer, length: number, isEnd: boolean): void {
    const stream = this.#find(streamId);
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
    const stream = this.#find(streamId);
    if (stream === undefined) return;
    try {
      stream.onHeaders(fields, isEnd);
    } catch (error) {
      this.#failStream(stream, error as Error);
    }
  }

  onReset(streamId: number, code: number): void {
    this.#find(streamId)?.onReset(code);
  }

  /** An invalid response fails its own stream only. */
  #failStream(stream: Http2Stream, error: Error): void {
    this.reset(stream.id, error instanceof Http2Error ? error.wireCode : errorCode.cancel);
    stream.fail(error, { isUnseen: false });
  }

  onSettings(maxStreams = this.#limit, maxHead = this.#maxHead): void {
    this.#maxHead = maxHead;
    this.#limit = Math.min(maxStreams, mostStreams);
    this.#answer(settingsAck);
    if (this.isDialling) this.#settle(this.#limit > 0);
  }

  #settle(takesStreams: boolean): void {
    this.isDialling = !takesStreams;
    this.#owner.settled(this, takesStreams);
    if (!takesStreams) this.destroy();
  }

  onPing(payload: Buffer): void {
    this.#answer(pingFrame(flag.ack, payload));
  }

  /**
   * Sends the answer to a PING or SETTINGS frame. An API server that does not read these answers gets no more of them: that is an error.
   */
  #answer(bytes: Buffer): void {
    if ((this.#socket?.writableLength ?? 0) > maxUnread)
      throw new Http2Error(errorCode.enhanceYourCalm, 'the API server does not read answers to its frames');
    this.#socket?.write(bytes);
  }

  /** The API server will not answer streams with a higher id than `last`. Their requests may be sent again elsewhere. */
  onGoaway(last: number): void {
    this.#isRefused = true;
    const error = codedError('ECONNRESET', 'the API server accepts no more requests on this connection');
    for (const [id, stream] of [...this.#streams]) if (id > last) stream.fail(error, { isUnseen: true });
    this.#endIfLeft();
  }

  #fail(error: Error, wireCode?: number): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (wireCode !== undefined && !this.isDialling) this.#socket?.write(goawayFrame(wireCode));
    this.#socket?.destroy();
    this.#dialled.destroy();
    for (const stream of [...this.#streams.values()]) stream.fail(error, { isUnseen: false });
    this.#owner.ended(this, error);
  }
}
