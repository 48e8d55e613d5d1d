import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { totalmem } from 'node:os';
import { type Duplex, Readable } from 'node:stream';
import { fieldListSize } from '../http/header-fields.js';
import { type Http2Answer, isHttp2 } from '../http/http2-answer.js';
import type { StrangerReset } from '../observability/metrics/authentication-metrics.js';

/** Bytes of memory that a request takes until its answer is taken, besides its head, its body and its answer: 14 KB over HTTP/2. */
const requestSize = 16 * 1024;
/** Bytes of an answer that are written at once. Only at the end of a piece it is seen that a client has taken something. */
const pieceSize = 16 * 1024;
/** The number of checks after which a client that has taken nothing of its answer is reset. */
const checks = 10;

/** What all strangers may have. */
interface StrangerLimits {
  /** Bytes of memory of all together. */
  readonly memory: number;
  /** Milliseconds in which the client of each takes something of its answer; up to a tenth more. */
  readonly patience: number;
}

/** A sixteenth of the memory of the container, or of the machine, and at most 32 MB. */
function defaultLimits(): StrangerLimits {
  const available = Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
  return { memory: Math.min(32 * 1024 * 1024, available / 16), patience: 30_000 };
}

/** The answer's fields. */
interface LengthHolder {
  header(name: string, value: number): unknown;
}

/** What is counted of one request. */
interface Stranger {
  readonly answer: ServerResponse;
  /** Bytes of memory for the request and its answer, and those of its body at the last check. */
  size: number;
  unread: number;
  /** What the client had not taken at the last check, and the number of checks since that has changed. */
  untaken: number;
  unchanged: number;
}

/**
 * The requests whose caller is not known: those that wait for authentication, that it has refused, and that need none. Everyone who reaches
 * the port can send them, so all together have a limit of memory. Above it the oldest are reset, and so is each request whose client takes
 * nothing of the answer for some time. Over HTTP/1.1 a reset ends the connection. What waits behind a caller's request on a connection of
 * HTTP/1.1 is that caller's.
 */
export class Strangers {
  readonly #limits: StrangerLimits;
  readonly #onReset: (reason: StrangerReset) => void;
  /** The oldest first. */
  readonly #requests = new Map<IncomingMessage, Stranger>();
  #bytes = 0;
  /** The last answer to a caller on each connection of HTTP/1.1. */
  readonly #callers = new WeakMap<Socket, ServerResponse>();
  #timer: NodeJS.Timeout | undefined;

  constructor(onReset: (reason: StrangerReset) => void, limits = defaultLimits()) {
    this.#onReset = onReset;
    this.#limits = limits;
  }

  /** Adds each request before it is handled. */
  counting(handle: RequestListener): RequestListener {
    return (request, answer) => {
      this.add(request, answer);
      handle(request, answer);
    };
  }

  /** A request is a stranger's until its caller is known, or its answer is taken. */
  add(request: IncomingMessage, answer: ServerResponse): void {
    if (this.#isCallers(request)) return;
    const size = requestSize + (request.url as string).length + fieldListSize(request.rawHeaders);
    this.#requests.set(request, { answer, size, unread: 0, untaken: 0, unchanged: 0 });
    this.#timer ??= setInterval(() => this.#check(), this.#limits.patience / checks).unref();
    // Only the socket of an upgrade is its own, and shows its end.
    const owned = request.upgrade ? request.socket : answerStream(request, answer);
    owned.once('close', () => this.#remove(request));
    this.#grow(size);
  }

  /** The caller of a request is known. */
  known(request: IncomingMessage): void {
    const stranger = this.#requests.get(request);
    if (stranger === undefined) return;
    this.#remove(request);
    const { answer } = stranger;
    if (isHttp2(request)) overHttp2(answer).callerIsKnown();
    else this.#callers.set(request.socket, answer);
  }

  /** Counts what the proxy itself answers, and returns what to send: a stranger gets a long answer in pieces. */
  counted(request: IncomingMessage, reply: LengthHolder, content: unknown): unknown {
    const stranger = this.#requests.get(request);
    if (stranger === undefined || !(typeof content === 'string' || Buffer.isBuffer(content))) return content;
    // Node keeps the head on an idle connection of HTTP/1.1.
    if (stranger.size > 2 * requestSize && !isHttp2(request)) stranger.answer.shouldKeepAlive = false;
    stranger.size += content.length;
    this.#grow(content.length);
    if (content.length <= pieceSize) return content;
    const bytes = Buffer.from(content);
    reply.header('Content-Length', bytes.length);
    return Readable.from(piecesOf(bytes));
  }

  #isCallers({ socket }: IncomingMessage): boolean {
    return this.#callers.get(socket)?.writableFinished === false;
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#limits.memory) return;
    for (const request of this.#requests.keys()) {
      this.#reset(request, 'memory');
      if (this.#bytes <= this.#limits.memory) return;
    }
  }

  #remove(request: IncomingMessage): void {
    const stranger = this.#requests.get(request);
    if (stranger === undefined) return;
    this.#requests.delete(request);
    this.#bytes -= stranger.size + stranger.unread;
  }

  #reset(request: IncomingMessage, reason: StrangerReset): void {
    const { answer } = this.#requests.get(request) as Stranger;
    this.#remove(request);
    if (request.socket.destroyed || this.#isCallers(request)) return;
    this.#onReset(reason);
    // In a later turn: a callback of nghttp2 may not free a stream.
    setImmediate(() => {
      if (isHttp2(request)) overHttp2(answer).drop();
      else request.socket.destroy();
    });
  }

  #check(): void {
    for (const [request, stranger] of this.#requests) {
      const { answer } = stranger;
      // A request that waited for its turn hears of no end.
      if (request.socket.destroyed) {
        this.#remove(request);
        continue;
      }
      const unread =
        request.readableLength + (isHttp2(request) ? overHttp2(answer).stream.readableLength : 0);
      this.#bytes += unread - stranger.unread;
      stranger.unread = unread;
      const untaken = untakenOf(request, answer);
      stranger.unchanged = untaken === stranger.untaken ? stranger.unchanged + 1 : 0;
      stranger.untaken = untaken;
      if (stranger.unchanged >= checks && answer.headersSent) this.#reset(request, 'unread');
    }
    this.#grow(0);
    if (this.#requests.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Changes whenever a client takes something of its answer, or gets more. */
function untakenOf(request: IncomingMessage, answer: ServerResponse): number {
  const { socket } = request;
  if (!isHttp2(request)) return socket.writableLength - 2 * socket.bytesWritten;
  return answer.writableLength - 2 * overHttp2(answer).bytesSent;
}

function answerStream(request: IncomingMessage, answer: ServerResponse): Duplex | ServerResponse {
  return isHttp2(request) ? overHttp2(answer).stream : answer;
}

function overHttp2(answer: ServerResponse): Http2Answer {
  return answer as unknown as Http2Answer;
}

function* piecesOf(content: Buffer): Generator<Buffer> {
  for (let from = 0; from < content.length; from += pieceSize) yield content.subarray(from, from + pieceSize);
}
