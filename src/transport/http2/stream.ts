import type { Lease } from '../lease.js';
import type { BodySink, OutgoingRequest, ResponseSink } from '../round-trip.js';
import { errorCode } from './frames.js';
import type { HeaderFields } from './header-block.js';
import { Http2Error } from './http2-error.js';
import { malformed, readHead, readTrailers } from './response-head.js';

/**
 * Bytes that the API server may send before it hears that they have been taken. So many wait here for a client that does not read, while
 * the other streams of the connection go on.
 */
export const streamWindow = 256 * 1024;

/** The connection that a stream belongs to. */
export interface StreamOwner {
  /** Whether no stream has begun on it: one that fails on it has not met a connection gone stale. */
  readonly isFresh: boolean;
  /** Sends the stream's request. */
  start(stream: Http2Stream, request: OutgoingRequest): void;
  /** The stream is over, or will not be sent. */
  leave(stream: Http2Stream): void;
  /** Resets the stream. */
  reset(streamId: number, code: number): void;
  /** Lets the API server send more on the stream. */
  widen(streamId: number, bytes: number): void;
  /** Passes a part of what was read on to a sink. */
  lend(chunk: Buffer, sink: BodySink): void;
}

/** One request without a body on a connection that others share, and its answer. */
export class Http2Stream implements Lease {
  /** 0 until it is sent. */
  id = 0;
  readonly #connection: StreamOwner;
  /** What the answer goes to; undefined before and after. */
  #sink: ResponseSink | undefined;
  /** What the body goes to; undefined before there is a head. */
  #bodySink: BodySink | undefined;
  #isFirst = false;
  #answered = false;
  #refused = false;
  #hasHead = false;
  /** Bytes of the body that are still to come; undefined if they were not announced. */
  #left: number | undefined;
  /** Bytes that the API server may still send, and those that it has not been told of. */
  #window = streamWindow;
  #untold = 0;
  #paused = false;

  constructor(connection: StreamOwner) {
    this.#connection = connection;
  }

  get isStale(): boolean {
    return !this.#answered && (this.#refused || !this.#isFirst);
  }

  send(request: OutgoingRequest, sink: ResponseSink): void {
    if (request.body !== undefined) throw new TypeError('a stream carries no body');
    this.#isFirst = this.#connection.isFresh;
    this.#sink = sink;
    this.#connection.start(this, request);
  }

  /** A head, an informational one too, or trailers. Throws when it can be neither. */
  onHeaders(fields: HeaderFields, isEnd: boolean): void {
    this.#answered = true;
    if (fields instanceof Error) throw fields;
    if (this.#hasHead) {
      if (!isEnd) throw malformed('a second head');
      this.#end(readTrailers(fields));
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
    if (isEnd) this.#end([]);
  }

  /**
   * A part of the body.
   *
   * @param length Bytes that count towards the window: padding too.
   */
  onData(chunk: Buffer, length: number, isEnd: boolean): void {
    this.#answered = true;
    if (!this.#hasHead) throw malformed('a body without a head');
    this.#window -= length;
    if (this.#window < 0)
      throw new Http2Error(errorCode.flowControlError, 'an answer is more than was asked for');
    if (this.#left !== undefined) {
      this.#left -= chunk.length;
      if (this.#left < 0) throw malformed('a body longer than its content-length');
    }
    if (chunk.length > 0 && this.#sink !== undefined && this.#bodySink !== undefined) {
      this.#connection.lend(chunk, this.#bodySink);
    }
    if (isEnd) {
      this.#end([]);
      return;
    }
    if (this.#sink !== undefined) this.#bodySink?.idle();
    this.#untold += length;
    if (!this.#paused) this.#tell();
  }

  #end(trailers: string[]): void {
    if (this.#left !== undefined && this.#left > 0) throw malformed('a body shorter than its content-length');
    const sink = this.#sink;
    this.#sink = undefined;
    this.#connection.leave(this);
    sink?.end(trailers);
  }

  /** The API server resets it. */
  onReset(code: number): void {
    this.fail(
      Object.assign(new Error(`the API server reset the stream (code ${code})`), { code: 'ECONNRESET' }),
      {
        isUnseen: code === errorCode.refusedStream,
      },
    );
  }

  /** There will be no whole answer; `isUnseen` when the API server says that it has not processed the request. */
  fail(error: Error, { isUnseen }: { readonly isUnseen: boolean }): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#refused = isUnseen;
    this.#connection.leave(this);
    sink?.error(error);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#tell();
  }

  /** Lets the API server send more, by one frame for half a window. */
  #tell(): void {
    if (this.#untold < streamWindow / 2 || this.#sink === undefined) return;
    this.#connection.widen(this.id, this.#untold);
    this.#window += this.#untold;
    this.#untold = 0;
  }

  abort(): void {
    const isOpen = this.#sink !== undefined && this.id !== 0;
    this.#sink = undefined;
    if (isOpen) this.#connection.reset(this.id, errorCode.cancel);
    this.#connection.leave(this);
  }
}
