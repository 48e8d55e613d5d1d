import { codedError } from '../../lib/connection-failure.js';
import type { ReadBuffer } from '../read-buffer.js';
import type { BodySink, Lease, OutgoingRequest, ResponseSink } from '../round-trip.js';
import { errorCode, firstStreamId, Http2Error, malformed, streamWindow, tooLarge } from './frames.js';
import type { HeaderFields } from './header-block.js';
import { checkTrailers, readHead } from './heads.js';

/** The connection that a stream belongs to. */
export interface StreamOwner {
  /** Sends the stream's request. */
  start(stream: Http2Stream, request: OutgoingRequest): void;
  /** Removes a stream that is complete, or that will not be sent. */
  leave(stream: Http2Stream): void;
  /** Resets the stream. */
  reset(streamId: number, code: number): void;
  /** Sends a WINDOW_UPDATE: the API server may send more on this stream. */
  sendWindowUpdate(streamId: number, bytes: number): void;
  /** Has the received bytes. */
  readonly buffer: ReadBuffer;
}

/** One request without a body, and its response, on a connection that other requests share. */
export class Http2Stream implements Lease {
  /** 0 until the request is sent. */
  id = 0;
  readonly connection: StreamOwner;
  /** Receives the response; undefined before the request and after the response. */
  #sink: ResponseSink | undefined;
  /** Receives the body; undefined before the head has come. */
  #bodySink: BodySink | undefined;
  #answered = false;
  #refused = false;
  #hasHead = false;
  /** Bytes of the body that have not come yet; undefined without a Content-Length. */
  #left: number | undefined;
  /** Bytes that the API server may still send, and received bytes that no WINDOW_UPDATE has acknowledged yet. */
  #window = streamWindow;
  #unacknowledged = 0;
  #paused = false;

  constructor(connection: StreamOwner) {
    this.connection = connection;
  }

  /** If the first stream of a connection fails, the cause is not that the connection was stale. */
  get isStale(): boolean {
    return !this.#answered && (this.#refused || this.id !== firstStreamId);
  }

  send(request: OutgoingRequest, sink: ResponseSink): void {
    if (request.body !== undefined) throw new TypeError('a stream carries no body');
    this.#sink = sink;
    this.connection.start(this, request);
  }

  /** A head (an informational one too), or trailers, which are dropped. Throws an error for what is neither. */
  onHeaders(fields: HeaderFields, isEnd: boolean): void {
    this.#answered = true;
    if (fields === undefined) throw tooLarge(errorCode.enhanceYourCalm);
    if (this.#hasHead) {
      if (!isEnd) throw malformed('a second head');
      checkTrailers(fields);
      this.#end();
      return;
    }
    const { statusCode, statusMessage, headers, contentLength } = readHead(fields);
    if (statusCode < 200) {
      if (isEnd || statusCode === 101) throw malformed('an informational answer');
      return;
    }
    this.#hasHead = true;
    const hasNoBody = statusCode === 204 || statusCode === 304;
    this.#left = hasNoBody ? 0 : contentLength;
    this.#bodySink = this.#sink?.head(statusCode, statusMessage, headers);
    if (isEnd) this.#end();
  }

  /**
   * A part of the body.
   *
   * @param length The bytes that count towards flow control, padding included.
   */
  onData(chunk: Buffer, length: number, isEnd: boolean): void {
    this.#answered = true;
    if (!this.#hasHead) throw malformed('a body without a head');
    this.#window -= length;
    if (this.#window < 0)
      throw new Http2Error(errorCode.flowControlError, 'an answer exceeds its flow-control window');
    if (this.#left !== undefined) {
      this.#left -= chunk.length;
      if (this.#left < 0) throw malformed('a body longer than its content-length');
    }
    if (chunk.length > 0 && this.#sink !== undefined && this.#bodySink !== undefined) {
      this.connection.buffer.lend(chunk, this.#bodySink);
    }
    if (isEnd) {
      this.#end();
      return;
    }
    if (this.#sink !== undefined) this.#bodySink?.idle();
    this.#unacknowledged += length;
    if (!this.#paused) this.#acknowledge();
  }

  #end(): void {
    if (this.#left !== undefined && this.#left > 0) throw malformed('a body shorter than its content-length');
    const sink = this.#sink;
    this.#sink = undefined;
    this.connection.leave(this);
    sink?.end();
  }

  /** The API server has reset the stream. */
  onReset(code: number): void {
    this.fail(codedError('ECONNRESET', `the API server reset the stream (code ${code})`), {
      isUnseen: code === errorCode.refusedStream,
    });
  }

  /** The response will not be complete. `isUnseen` means that the API server has certainly not processed the request. */
  fail(error: Error, { isUnseen }: { readonly isUnseen: boolean }): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#refused = isUnseen;
    this.connection.leave(this);
    sink?.error(error);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#acknowledge();
  }

  /** Sends a WINDOW_UPDATE when half of the window has been received. */
  #acknowledge(): void {
    if (this.#unacknowledged < streamWindow / 2 || this.#sink === undefined) return;
    this.connection.sendWindowUpdate(this.id, this.#unacknowledged);
    this.#window += this.#unacknowledged;
    this.#unacknowledged = 0;
  }

  abort(): void {
    const isOpen = this.#sink !== undefined && this.id !== 0;
    this.#sink = undefined;
    if (isOpen) this.connection.reset(this.id, errorCode.cancel);
    this.connection.leave(this);
  }
}
