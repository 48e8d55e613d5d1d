import type { Socket } from 'node:net';
import { codedError } from '../../lib/connection-failure.js';
import type { Dial } from '../dial/dial.js';
import { ReadBuffer } from '../read-buffer.js';
import type { BodySink, Lease, OutgoingBody, OutgoingRequest, ResponseSink } from '../round-trip.js';
import { type ResponseEvents, ResponseParser } from './response-parser.js';

/** The pool that a connection belongs to. */
export interface Http1Owner {
  /** Takes back a connection whose response is complete. */
  release(connection: Http1Connection): void;
  /** The connection has ended, or belongs to whoever has its socket since it switched to another protocol. */
  ended(connection: Http1Connection): void;
}

/**
 * One HTTP/1.1 connection to the API server, carrying one request at a time. After a 101, its socket belongs to the sink, which gets the
 * bytes of the other protocol as a body. Any other answer to a request with an Upgrade ends the connection.
 */
export class Http1Connection implements Lease, ResponseEvents {
  /** Whether it has carried a request before. Only then can it have gone stale unnoticed. */
  reused = false;
  /** Whether it waits for another request, and for how many checks of the pool so far. Only the pool changes these. */
  isIdle = false;
  idleChecks = 0;
  readonly #owner: Http1Owner;
  readonly #maySwitch: boolean;
  readonly #parser = new ResponseParser();
  #dialled: { destroy(): void } | undefined;
  #socket: Socket | undefined;
  #sink: ResponseSink | undefined;
  /** Receives the body; undefined before the head has come. */
  #bodySink: BodySink | undefined;
  /** The request head and body that are sent once the connection is open. */
  #head: string | undefined;
  #body: OutgoingBody | undefined;
  /** Whether a byte of the response has come. */
  #answered = false;
  #ended = false;
  #paused = false;
  readonly #buffer = new ReadBuffer();

  /** @param maySwitch Whether it is for one request with an Upgrade. */
  constructor(dial: Dial, owner: Http1Owner, { maySwitch = false } = {}) {
    this.#owner = owner;
    this.#maySwitch = maySwitch;
    this.#dialled = dial(
      (error, socket) => {
        if (socket === null) this.#fail(error as Error);
        else this.#open(socket);
      },
      { buffer: this.#buffer.next, callback: this.#onRead },
    );
  }

  get isStale(): boolean {
    return this.reused && !this.#answered;
  }

  get isDialling(): boolean {
    return this.#socket === undefined;
  }

  send(request: OutgoingRequest, sink: ResponseSink): void {
    const head = formatHead(request);
    this.#sink = sink;
    this.#bodySink = undefined;
    this.#body = request.body;
    this.#answered = false;
    this.#parser.expect(this, { withoutBody: request.method === 'HEAD', maySwitch: this.#maySwitch });
    if (this.#socket !== undefined) this.#write(this.#socket, head);
    else this.#head = head;
  }

  #open(socket: Socket): void {
    this.#socket = socket;
    this.#dialled = undefined;
    socket.on('data', this.#onData);
    socket.on('end', this.#onSocketEnd);
    socket.on('error', this.#onSocketError);
    socket.on('close', this.#onSocketClose);
    if (this.#head !== undefined) this.#write(socket, this.#head);
    this.#head = undefined;
    this.#sink?.opened?.();
  }

  #write(socket: Socket, head: string): void {
    socket.write(head, 'latin1');
    this.#body?.start(socket, this.#onBodySent);
  }

  #onBodySent = (): void => {
    this.#body = undefined;
  };

  #onData = (chunk: Buffer): void => {
    this.#answered = true;
    try {
      this.#parser.push(chunk);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    if (this.#sink !== undefined) this.#bodySink?.idle();
    else this.#settle();
  };

  onHead(statusCode: number, statusMessage: string, headers: string[]): void {
    this.#bodySink = this.#sink?.head(statusCode, statusMessage, headers);
  }

  onSwitch(statusMessage: string, headers: string[]): void {
    const socket = this.#socket as Socket;
    this.#bodySink = this.#sink?.switched?.({ statusMessage, headers, socket });
    if (this.#bodySink === undefined) throw new Error('nobody takes the connection');
    socket.off('end', this.#onSocketEnd).off('error', this.#onSocketError).off('close', this.#onSocketClose);
    this.#ended = true;
    this.#owner.ended(this);
  }

  onBody(chunk: Buffer): void {
    if (this.#sink !== undefined) this.#buffer.lend(chunk, this.#bodySink as BodySink);
  }

  onEnd(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    // The connection may now be idle for a minute. It must keep nothing of the response in memory.
    this.#bodySink = undefined;
    sink?.end();
  }

  /** The response is complete, and nothing has followed it so far. */
  #settle(): void {
    this.#buffer.endResponse();
    if (!this.#parser.persistent || this.#body !== undefined || this.#maySwitch) {
      this.#end();
      return;
    }
    // More bytes may have come with the response: in other TLS records, or unread because reading was paused. They must not be taken for
    // the response to another request. They are read in this turn of the event loop, or in the next.
    if (this.#paused) setImmediate(giveBackLater, this);
    else giveBackLater(this);
    this.resume();
  }

  /** Gives the connection back for another request, unless it has ended in the meantime. */
  giveBack(): void {
    if (!this.#ended) this.#owner.release(this);
  }

  #onSocketEnd = (): void => {
    const isWhole = !wasReset(this.#socket as Socket) && this.#parser.close();
    if (isWhole) this.#end();
    else this.#fail(brokenOff());
  };

  #onSocketError = (error: Error): void => this.#fail(error);

  #onSocketClose = (): void => {
    this.#fail(codedError('ECONNRESET', 'closed'));
  };

  #fail(error: Error): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#end();
    sink?.error(error);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.ended(this);
    this.#body?.stop();
    this.#body = undefined;
    this.#dialled?.destroy();
    this.#socket?.destroy();
  }

  pause(): void {
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket?.resume();
  }

  #onRead = (length: number, buffer: Uint8Array): boolean => {
    this.#buffer.wasRead(length);
    this.#onData((buffer as Buffer).subarray(0, length));
    return !this.#paused;
  };

  abort(): void {
    this.#sink = undefined;
    this.#end();
  }

  /** Ends the connection if it is idle. Otherwise it ends when its pool does not take it back. */
  close(): void {
    if (this.isIdle) this.#end();
  }

  /** Ends the connection now, even while it is being dialled, and fails the round trip on it. */
  destroy(error: Error = codedError('ECONNRESET', 'the proxy ended the connection')): void {
    this.#fail(error);
  }
}

/** The connections whose response was completed in this turn of the event loop. */
const over: Http1Connection[] = [];

function giveBackLater(connection: Http1Connection): void {
  if (over.push(connection) === 1) setImmediate(giveBackAll);
}

function giveBackAll(): void {
  for (const connection of over.splice(0)) connection.giveBack();
}

function formatHead({ method, path, headers }: OutgoingRequest): string {
  let head = `${method} ${path} HTTP/1.1\r\n`;
  for (let index = 0; index < headers.length; index += 2)
    head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  return `${head}\r\n`;
}

/**
 * Whether a connection that has just ended was reset. libuv reports a reset right after bytes as a normal end (`uv__stream_io`: POLLHUP
 * after a partial read). Then an incomplete response without a length would seem complete. After a reset the kernel no longer knows the
 * peer's address. Node caches that address when it is first read, so nothing may read it before.
 */
function wasReset(socket: Socket): boolean {
  return socket.localAddress !== undefined && socket.remoteAddress === undefined;
}

/** The error for a response whose connection ended before it was complete. */
function brokenOff(): Error {
  return codedError('ECONNRESET', 'closed before the answer was complete');
}
