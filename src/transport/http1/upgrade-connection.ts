import http from 'node:http';
import type { Socket } from 'node:net';
import { ownBytes } from '../borrowed-bytes.js';
import type { Dial } from '../dial/dial.js';
import type { Lease, OutgoingRequest, ResponseSink } from '../round-trip.js';
import { UpstreamError } from '../upstream-error.js';
import { illegal, malformed, refuseTooMany } from './header-lines.js';
import { brokenOff, wasReset } from './reset.js';

/**
 * A connection of its own for a request that asks for an upgrade. After a 101 its socket belongs to the sink. Any other answer is passed on
 * as a response, and ends the connection.
 */
export class UpgradeConnection implements Lease {
  readonly isStale = false;
  readonly isDialling = true;
  readonly #dial: Dial;
  /** Undefined when the sink gets no more calls. */
  #sink: ResponseSink | undefined;
  #dialled: { destroy(): void } | undefined;
  #outgoing: http.ClientRequest | undefined;
  #response: http.IncomingMessage | undefined;

  constructor(dial: Dial) {
    this.#dial = dial;
  }

  send(request: OutgoingRequest, sink: ResponseSink): void {
    this.#sink = sink;
    this.#dialled = this.#dial((error, socket) => {
      if (socket === null) this.#fail(error as Error);
      else this.#sendOver(socket, request);
    }, request.reader?.options);
  }

  #sendOver(socket: Socket, { method, path, headers, reader }: OutgoingRequest): void {
    reader?.follow(socket);
    const outgoing = http.request({
      method,
      path,
      headers: [...headers],
      maxHeaderSize: 1 << 20,
      createConnection: () => socket,
    });
    this.#outgoing = outgoing;
    // Otherwise Node before 22.23.3 and 24.21.0 drops fields silently.
    outgoing.maxHeadersCount = 0;
    outgoing.once('upgrade', (response, upgraded: Socket, head) => this.#switch(response, upgraded, head));
    outgoing.once('response', response => this.#answer(response, socket));
    outgoing.once('error', this.#onError);
    outgoing.end();
    this.#sink?.opened?.();
  }

  #switch({ statusMessage = '', rawHeaders }: http.IncomingMessage, socket: Socket, head: Buffer): void {
    this.#attempt(() => refuseTooMany(rawHeaders));
    const sink = this.#sink;
    this.#sink = undefined;
    if (sink?.switched === undefined) socket.destroy();
    else sink.switched({ statusMessage, headers: rawHeaders, socket, head });
  }

  #answer(response: http.IncomingMessage, socket: Socket): void {
    this.#response = response;
    // Both listeners must run before Node's own, which takes every end of the connection for the end of a response without a length.
    this.#outgoing?.off('error', this.#onError).on('error', failure => response.destroy(failure));
    socket.prependListener('end', () => {
      if (wasReset(socket)) response.destroy(brokenOff());
    });
    response.on('error', this.#onError);
    this.#attempt(sink => {
      const { statusCode = 0, statusMessage = '', rawHeaders } = response;
      refuseTooMany(rawHeaders);
      // For Node, a 101 without a protocol is an ordinary answer.
      if (statusCode === 101) {
        throw new UpstreamError(502, 'protocol', 'the API server answered 101 without a protocol');
      }
      // Node's parser takes any character here.
      if (illegal.test(statusMessage)) throw malformed('a status line');
      const body = sink.head(statusCode, statusMessage, rawHeaders);
      body.idle();
      response.on('data', (chunk: Buffer) =>
        this.#attempt(() => {
          body.data(ownBytes(chunk));
          body.idle();
        }),
      );
    });
    response.once('end', () => {
      this.#attempt(() => refuseTooMany(response.rawTrailers));
      this.#sink?.end(response.rawTrailers);
      this.#sink = undefined;
      socket.destroy();
    });
  }

  /** Calls the sink. If it throws an error, the round trip ends with that. */
  #attempt(call: (sink: ResponseSink) => void): void {
    try {
      if (this.#sink !== undefined) call(this.#sink);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  readonly #onError = (error: Error): void => this.#fail(error);

  #fail(error: Error): void {
    const sink = this.#sink;
    this.abort();
    sink?.error(error);
  }

  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  abort(): void {
    this.#sink = undefined;
    this.#outgoing?.destroy();
    this.#dialled?.destroy();
  }
}
