import type { Socket } from 'node:net';
import {
  type Carrier,
  type ExchangeEvents,
  type OutgoingBody,
  type OutgoingRequest,
  refuseIllegal,
} from '../carrier.js';
import type { Dial } from '../dial/dial.js';
import { brokenOff, wasReset } from '../reset.js';
import { type ResponseEvents, ResponseParser } from './response-parser.js';

/** Bytes of a connection's first buffer: a watch seldom needs more. */
const firstBuffer = 4 * 1024;
/** Bytes that are read at a time, as many as a TLS record has, and of a buffer for several reads. */
const fullRead = 16 * 1024;
const fullBuffer = 4 * fullRead;

/** The pool that a connection belongs to. */
export interface ConnectionOwner {
  /** Takes back a connection whose exchange is complete. */
  release(connection: UpstreamConnection): void;
  /** Ends a connection, whatever its state. */
  discard(connection: UpstreamConnection): void;
}

/** One HTTP/1.1 connection to the API server, carrying one request at a time. */
export class UpstreamConnection implements Carrier, ResponseEvents {
  /** Whether it has carried an exchange before: only then can it have gone stale unnoticed. */
  reused = false;
  /** When it was last given back, on the clock of `performance.now()`. */
  idleSince = 0;
  readonly #owner: ConnectionOwner;
  readonly #parser = new ResponseParser();
  #dialled: { destroy(): void } | undefined;
  #socket: Socket | undefined;
  #exchange: ExchangeEvents | undefined;
  /** What waits for the connection to open. */
  #head: string | undefined;
  #body: OutgoingBody | undefined;
  /** Whether a byte of the answer has come. */
  #answered = false;
  #ended = false;
  #paused = false;
  /** What bytes are read into; each read would cost a buffer otherwise, and collecting them a third of the CPU time of large lists. */
  #buffer: Buffer = Buffer.allocUnsafeSlow(firstBuffer);
  /** Where in it the next read goes, or the last one went, and how many bytes that brought. */
  #free = this.#buffer;
  #offset = 0;
  #length = 0;
  /** Whether bytes that were given on are still needed, by a part of `#buffer` or of `#former`. */
  #inUse = false;
  /** The buffer before this one, and one that nobody needs. */
  #former: Buffer | undefined;
  #spare: Buffer | undefined;

  constructor(dial: Dial, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#dialled = dial(
      (error, socket) => {
        if (socket === null) this.#fail(error as Error);
        else this.#open(socket);
      },
      { buffer: this.#nextBuffer, callback: this.#onRead },
    );
  }

  get stale(): boolean {
    return this.reused && !this.#answered;
  }

  /** It gives itself back to its owner when the exchange is over. */
  send(request: OutgoingRequest, body: OutgoingBody | undefined, exchange: ExchangeEvents): void {
    const head = formatHead(request);
    this.#exchange = exchange;
    this.#body = body;
    this.#answered = false;
    this.#parser.expect(this, { withoutBody: request.method === 'HEAD' });
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
  }

  #write(socket: Socket, head: string): void {
    socket.write(head, 'latin1');
    this.#body?.start(socket, this.#onBodySent);
  }

  #onBodySent = (): void => {
    this.#body = undefined;
  };

  #onData = (chunk: Buffer): void => {
    if (this.#ended) return;
    this.#answered = true;
    try {
      this.#parser.push(chunk);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    if (this.#exchange !== undefined) this.#exchange.onIdle();
    else this.#settle();
  };

  onHead(statusCode: number, statusMessage: string, headers: string[]): void {
    this.#exchange?.onHead(statusCode, statusMessage, headers);
  }

  onBody(chunk: Buffer): void {
    this.#exchange?.onBody(chunk);
  }

  onEnd(trailers: string[]): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.onEnd(trailers);
  }

  /** The answer is whole, and nothing came behind it yet. */
  #settle(): void {
    if (!this.#parser.persistent || this.#body !== undefined) {
      this.#owner.discard(this);
      return;
    }
    // What came with the answer, in other TLS records or behind where reading stopped, must not find another exchange here. It
    // is read in this turn of the event loop, or in the next.
    if (this.#paused) setImmediate(giveBackLater, this);
    else giveBackLater(this);
    this.resume();
  }

  /** Is of use to another exchange, unless it has ended in the meantime. */
  giveBack(): void {
    if (!this.#ended) this.#owner.release(this);
  }

  #onSocketEnd = (): void => {
    const isWhole = !wasReset(this.#socket as Socket) && this.#parser.close();
    if (isWhole) this.#owner.discard(this);
    else this.#fail(brokenOff());
  };

  #onSocketError = (error: Error): void => this.#fail(error);

  #onSocketClose = (): void => {
    this.#fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
  };

  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#owner.discard(this);
    exchange?.onError(error);
  }

  pause(): void {
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket?.resume();
  }

  /** The next bytes go behind those of the read that goes on, or elsewhere. */
  detach(): void {
    this.#inUse = true;
  }

  reclaim(): void {
    this.#inUse = false;
    this.#spare = this.#former ?? this.#spare;
    this.#former = undefined;
  }

  /** Whoever comes next cannot tell when the bytes are not needed any more. */
  abandon(): void {
    this.#takeUp(Buffer.allocUnsafeSlow(firstBuffer));
    this.#length = 0;
    this.#inUse = false;
    this.#former = undefined;
  }

  /** Asked for after every read. */
  #nextBuffer = (): Buffer => {
    const isTooSmall = this.#buffer.length === firstBuffer && (this.#inUse || this.#length === firstBuffer);
    const offset = this.#inUse ? this.#offset + this.#length : 0;
    this.#length = 0;
    if (isTooSmall || offset + fullRead > Math.max(this.#buffer.length, fullRead)) {
      if (this.#buffer.length === fullBuffer) this.#former = this.#buffer;
      this.#takeUp(this.#spare ?? Buffer.allocUnsafeSlow(fullBuffer));
      this.#spare = undefined;
    } else if (offset !== this.#offset) {
      this.#offset = offset;
      this.#free = this.#buffer.subarray(offset, offset + fullRead);
    }
    return this.#free;
  };

  #takeUp(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#offset = 0;
    this.#free = buffer.subarray(0, fullRead);
  }

  #onRead = (length: number, buffer: Uint8Array): boolean => {
    this.#length = length;
    this.#onData((buffer as Buffer).subarray(0, length));
    return !this.#paused;
  };

  cancel(): void {
    this.#owner.discard(this);
  }

  /** Ends it now, also while it is being dialled, and the exchange that is on it. */
  destroy(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#ended = true;
    this.#body?.stop();
    this.#body = undefined;
    this.#dialled?.destroy();
    this.#socket?.destroy();
    exchange?.onError(Object.assign(new Error('ended by this side'), { code: 'ECONNRESET' }));
  }
}

/** Those whose exchange is over in this turn of the event loop. */
const over: UpstreamConnection[] = [];

function giveBackLater(connection: UpstreamConnection): void {
  if (over.push(connection) === 1) setImmediate(giveBackAll);
}

function giveBackAll(): void {
  for (const connection of over.splice(0)) connection.giveBack();
}

function formatHead(request: OutgoingRequest): string {
  refuseIllegal(request);
  const { method, path, headers } = request;
  let head = `${method} ${path} HTTP/1.1\r\n`;
  for (let index = 0; index < headers.length; index += 2)
    head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  return `${head}\r\n`;
}
