import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { codedError } from '../lib/connection-failure.js';
import { StallTimer } from '../lib/stall-timer.js';
import type { RequestContext } from '../request/context.js';
import type { OutgoingBody } from '../transport/round-trip.js';

/**
 * The body of a client's request on its way to the API server: with the client's Content-Length, or else in chunks (RFC 9112, section 7.1).
 */
export class RequestBody implements OutgoingBody {
  /** The header field for the length or the coding: name, value. */
  readonly framing: readonly [string, string];
  readonly #isChunked: boolean;
  readonly #request: IncomingMessage;
  readonly #patience: number;
  #socket: Socket | undefined;
  #stall: StallTimer | undefined;
  #onSent: () => void = () => {};

  /** @param patience How long the API server may read nothing of the body while no answer comes either, in milliseconds. */
  constructor({ raw, head }: Pick<RequestContext, 'raw' | 'head'>, patience: number) {
    this.#request = raw;
    this.#patience = patience;
    const length = head.contentLength;
    this.#isChunked = length === undefined;
    this.framing = length === undefined ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', length];
  }

  start(socket: Socket, onSent: () => void): void {
    this.#socket = socket;
    this.#stall = new StallTimer(socket, this.#patience, this.#onStall);
    this.#onSent = onSent;
    socket.on('drain', this.#onDrain);
    this.#request.on('data', this.#onData).on('end', this.#onEnd);
  }

  /** Reads the rest of the body and drops it, because the client may read its answer only after it has sent everything. */
  stop(): void {
    this.#leave();
    this.#request.resume();
  }

  #leave(): void {
    this.#socket?.off('drain', this.#onDrain);
    this.#stall?.stop();
    this.#request.off('data', this.#onData).off('end', this.#onEnd);
  }

  #onData = (chunk: Buffer): void => {
    const socket = this.#socket as Socket;
    if (!this.#isChunked) {
      if (!socket.write(chunk)) this.#wait();
      return;
    }
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    socket.write(chunk);
    const goesOn = socket.write('\r\n', 'latin1');
    socket.uncork();
    if (!goesOn) this.#wait();
  };

  /**
   * Waits until the API server reads. While the client's bytes are not read, nothing shows whether the client has left, so the wait is
   * limited.
   */
  #wait(): void {
    this.#request.pause();
    this.#stall?.start();
  }

  #onDrain = (): void => {
    this.#stall?.stop();
    this.#request.resume();
  };

  #onStall = (): void => {
    this.#socket?.destroy(codedError('ETIMEDOUT', 'the API server does not read the request'));
  };

  #onEnd = (): void => {
    this.#leave();
    if (this.#isChunked) this.#socket?.write('0\r\n\r\n', 'latin1');
    this.#onSent();
  };
}
