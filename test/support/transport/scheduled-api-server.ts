import type { Socket } from 'node:net';
import { codedError } from '../../../src/lib/coded-error.js';
import type { Dial } from '../../../src/transport/dial/dial.js';
import type { Random } from '../random.js';
import { fieldsOf } from '../upstreams/http2-frame-server.js';
import {
  connectionPreface,
  type Frame,
  flags,
  frame,
  frameTypes,
  headerBlock,
  settingsFrame,
  watchFrames,
} from '../upstreams/http2-frames.js';
import { ScheduledSocket } from './scheduled-socket.js';

/** How a response goes on the wire. */
export interface ResponsePlan {
  readonly body: Buffer;
  /** Whether the head has the length of the body. Otherwise the body comes in chunks. */
  readonly hasLength: boolean;
  /** Whether the response ends after the body. A watch may stay open. */
  readonly ends: boolean;
  /** The most bytes of a chunk or frame. */
  readonly largest: number;
}

/** A response that is being sent, and what the API server may send of it. */
export class ScheduledResponse {
  readonly plan: ResponsePlan;
  readonly connection: ScheduledConnection;
  readonly stream: number;
  sent = 0;
  isOver = false;
  /** The bytes that flow control allows; over HTTP/1.1 the reads are the limit. */
  window = Number.POSITIVE_INFINITY;

  constructor(plan: ResponsePlan, connection: ScheduledConnection, stream: number) {
    this.plan = plan;
    this.connection = connection;
    this.stream = stream;
  }

  /** The next part of the body. */
  next(limit: number): Buffer {
    const part = this.plan.body.subarray(this.sent, this.sent + limit);
    this.sent += part.length;
    return part;
  }

  get isComplete(): boolean {
    return this.sent === this.plan.body.length;
  }

  /** Whether the API server reads on without waiting for the proxy. */
  get isFlowing(): boolean {
    const { socket } = this.connection;
    return socket.isReading && (this.window > 0 || socket.hasUnread);
  }
}

/** One connection to the API server, which sends when the test says so. */
export interface ScheduledConnection {
  readonly socket: ScheduledSocket;
  /** Sends the next part of a response. Returns false if there is nothing to send, or flow control does not allow it. */
  send(): boolean;
}

type Answer = (path: string, connection: ScheduledConnection, stream: number) => ScheduledResponse;

class Http1Peer implements ScheduledConnection {
  readonly socket: ScheduledSocket;
  readonly #random: Random;
  #request = '';
  #response: ScheduledResponse | undefined;

  constructor(socket: ScheduledSocket, random: Random, answer: Answer) {
    this.socket = socket;
    this.#random = random;
    socket.onTaken = bytes => {
      this.#request += bytes.toString('latin1');
      if (!this.#request.endsWith('\r\n\r\n')) return;
      const [, path = ''] = this.#request.split(' ');
      this.#request = '';
      this.#response = answer(path, this, 0);
      const { hasLength, body } = this.#response.plan;
      const framing = hasLength ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked';
      socket.offer(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`));
    };
  }

  send(): boolean {
    const response = this.#response;
    if (response === undefined || this.socket.destroyed) return false;
    const { hasLength, ends, largest } = response.plan;
    const part = response.next(1 + this.#random.below(largest));
    if (part.length > 0) {
      if (hasLength) this.socket.offer(part);
      else this.socket.offer(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
      return true;
    }
    if (!ends) return false;
    if (!hasLength) this.socket.offer(Buffer.from('0\r\n\r\n'));
    response.isOver = true;
    this.#response = undefined;
    return true;
  }
}

const maxFrame = 16_384;
const streamWindow = 256 * 1024;

class Http2Peer implements ScheduledConnection {
  readonly socket: ScheduledSocket;
  readonly #random: Random;
  readonly #responses = new Map<number, ScheduledResponse>();
  #window = 65_535;

  constructor(socket: ScheduledSocket, random: Random, answer: Answer) {
    this.socket = socket;
    this.#random = random;
    const received = new ScheduledSocket();
    const { frames } = watchFrames(received as unknown as Socket, connectionPreface.length);
    let read = 0;
    // `watchFrames` reads `data` events. They must come at once.
    socket.onTaken = bytes => {
      received.emit('data', Buffer.from(bytes));
      for (; read < frames.length; read += 1) this.#onFrame(frames[read] as Frame, answer);
    };
    socket.offer(settingsFrame());
  }

  #onFrame(received: Frame, answer: Answer): void {
    const { type, stream, payload } = received;
    if (type === frameTypes.headers) {
      const fields = fieldsOf(received);
      const response = answer(fields[fields.indexOf(':path') + 1] ?? '', this, stream);
      response.window = streamWindow;
      this.#responses.set(stream, response);
      const block = headerBlock([
        [':status', '200'],
        ['content-type', 'application/json'],
        ...lengthOf(response.plan),
      ]);
      this.socket.offer(frame(frameTypes.headers, flags.endHeaders, stream, block));
      return;
    }
    const response = this.#responses.get(stream);
    if (type === frameTypes.windowUpdate && stream === 0) this.#window += payload.readUInt32BE();
    else if (response === undefined) return;
    else if (type === frameTypes.windowUpdate) response.window += payload.readUInt32BE();
    else if (type === frameTypes.rstStream) {
      response.isOver = true;
      this.#responses.delete(stream);
    }
  }

  send(): boolean {
    const ready = [...this.#responses.values()].filter(({ isComplete, plan, window }) =>
      isComplete ? plan.ends : Math.min(window, this.#window) > 0,
    );
    if (ready.length === 0 || this.socket.destroyed) return false;
    const response = this.#random.pick(ready);
    const { stream, plan } = response;
    const room = Math.min(response.window, this.#window, maxFrame);
    const part = response.next(Math.min(1 + this.#random.below(plan.largest), room));
    const padding = this.#random.chance(0.1)
      ? Math.min(1 + this.#random.below(100), room - part.length - 1)
      : 0;
    const isPadded = padding > 0;
    const payload = isPadded ? Buffer.concat([Buffer.of(padding), part, Buffer.alloc(padding)]) : part;
    response.window -= payload.length;
    this.#window -= payload.length;
    response.isOver = response.isComplete && plan.ends;
    if (response.isOver) this.#responses.delete(stream);
    const flag = (response.isOver ? flags.endStream : 0) | (isPadded ? flags.padded : 0);
    this.socket.offer(frame(frameTypes.data, flag, stream, payload));
    return true;
  }
}

function lengthOf({ hasLength, body }: ResponsePlan): [string, string][] {
  return hasLength ? [['content-length', String(body.length)]] : [];
}

/** An API server whose connections are scheduled sockets. */
export class ScheduledApiServer {
  readonly connections: ScheduledConnection[] = [];
  readonly responses = new Map<string, ScheduledResponse>();
  readonly #random: Random;
  readonly #planFor: (path: string) => ResponsePlan;

  constructor(random: Random, planFor: (path: string) => ResponsePlan) {
    this.#random = random;
    this.#planFor = planFor;
  }

  /** Dials over HTTP/1.1 or HTTP/2. */
  dial(protocol: 'http/1.1' | 'h2'): Dial {
    return (callback, onread) => {
      const socket = new ScheduledSocket(onread);
      socket.alpnProtocol = protocol;
      socket.on('error', () => {});
      const answer: Answer = (path, connection, stream) => {
        const response = new ScheduledResponse(this.#planFor(path), connection, stream);
        this.responses.set(path, response);
        return response;
      };
      const Peer = protocol === 'h2' ? Http2Peer : Http1Peer;
      this.connections.push(new Peer(socket, this.#random, answer));
      setImmediate(() => {
        if (socket.destroyed) {
          callback(codedError('ECONNRESET', 'closed while connecting'), null);
          return;
        }
        socket.accept(Number.MAX_SAFE_INTEGER);
        socket.read(0);
        callback(null, socket as unknown as Socket);
      });
      return socket;
    };
  }
}
