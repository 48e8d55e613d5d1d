import { IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { StallTimer } from '../../lib/stall-timer.js';
import { clientPatience } from './connections.js';

/** If this number of requests wait on a connection, it is not read until half of them have had their turn. */
const maxWaiting = 100;

const pipelines = new WeakMap<Socket, Pipeline>();

/**
 * Passes each request on when it may be answered. RFC 9112, section 9.3.2: a request that is pipelined behind one that may change something
 * waits for the answer to that one. All pipelined requests wait, and each gets a turn of the event loop for itself, because thousands of
 * requests fit into one packet. A request whose connection ends before its turn is never passed on.
 *
 * @param patience While requests wait, their connection may not be read, because there are many or because a body waits too. Then nothing
 * shows whether the client has left. After this number of milliseconds without a byte in either direction, the connection ends.
 */
export function inTurn(handle: RequestListener, patience = clientPatience): RequestListener {
  return (request, response) => {
    // Requests over HTTP/2 never wait for each other.
    if (!(request instanceof IncomingMessage) || response.socket !== null) {
      handle(request, response);
      return;
    }
    const { socket } = request;
    let pipeline = pipelines.get(socket);
    if (pipeline === undefined) {
      pipeline = new Pipeline(socket, patience);
      pipelines.set(socket, pipeline);
    }
    pipeline.add(request, response, handle);
  };
}

/**
 * Whether an error of Node's parser does not end the connection now, because its requests are still answered.
 *
 * Bytes behind a request that asks to close the connection, or behind one of HTTP/1.0, are dropped (RFC 9112, section 9.6). The answer to that
 * request ends the connection.
 *
 * Node pauses its parser if a request comes while much of an answer waits for the client, but the parser reads directly from the TLS handle,
 * which still delivers the records that were read together with that request: they fail with HPE_PAUSED, and are lost. A listener for `data`
 * would make Node read through the stream, which keeps them; but if a body has stopped the handle at that moment, the stream believes that
 * it is already reading, and the connection is never read again.
 */
export function outlives(socket: Socket, { code }: { readonly code?: string }): boolean {
  if (code === 'HPE_CLOSED_CONNECTION') return true;
  const pipeline = pipelines.get(socket);
  if (pipeline === undefined) return false;
  if (code === 'HPE_PAUSED') pipeline.endUnread();
  // It is not the client's fault if the rest of a head is not read.
  return pipeline.isUnread || (code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.isPaused());
}

/** The requests of one HTTP/1.1 connection that wait for the answers to earlier ones. */
class Pipeline {
  readonly #socket: Socket;
  readonly #timer: StallTimer;
  #waiting = 0;
  #last: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined;
  /** Whether the connection is not read because of the number of requests. */
  #isFull = false;
  /** Whether nothing more is read from the connection, because bytes were lost. */
  isUnread = false;

  constructor(socket: Socket, patience: number) {
    this.#socket = socket;
    this.#timer = new StallTimer(socket, patience, () => this.#onStall());
    socket
      // Node resumes after each request, and when an answer has been sent.
      .on('resume', () => {
        if (this.#isFull || this.isUnread) socket.pause();
      })
      .once('close', () => this.#timer.stop());
  }

  add(request: IncomingMessage, response: ServerResponse, handle: RequestListener): void {
    this.#last = { request, response };
    this.#waiting += 1;
    this.#timer.start();
    response.once('socket', () => setImmediate(() => this.#begin(request, response, handle)));
    if (this.#waiting < maxWaiting || this.#isFull) return;
    this.#isFull = true;
    this.#socket.pause();
  }

  #begin(request: IncomingMessage, response: ServerResponse, handle: RequestListener): void {
    this.#waiting -= 1;
    if (this.#waiting === 0 && !this.isUnread) this.#timer.stop();
    if (this.#isFull && this.#waiting <= maxWaiting / 2) {
      this.#isFull = false;
      this.#socket.resume();
    }
    if (this.#socket.destroyed) return;
    // The rest of this request was lost.
    if (this.isUnread && !request.complete) this.#socket.end();
    else handle(request, response);
  }

  /** Reads nothing more, and ends the connection after the last request that came before. The client may send the others again. */
  endUnread(): void {
    if (this.isUnread) return;
    this.isUnread = true;
    this.#socket.pause();
    this.#last?.response.once('finish', () => this.#socket.end());
    this.#timer.start();
  }

  #onStall(): void {
    if (this.#socket.isPaused()) this.#socket.destroy();
    else this.#timer.start();
  }
}
