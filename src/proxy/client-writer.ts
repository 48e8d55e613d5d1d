import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RawHeaders } from '../http/header-fields.js';
import type { Http2Answer } from '../http/http2-answer.js';
import type { OpenRequest } from '../request/context.js';
import type { BorrowedBytes, BytesHolder } from '../transport/borrowed-bytes.js';
import { type BodySink, type ClientSink, LaggingError } from '../transport/round-trip.js';
import { UpstreamError } from '../transport/upstream-error.js';
import type { DocumentPolicy } from './answer-fields.js';
import { AnswerFrames } from './answer-frames.js';
import { cut } from './endings.js';
import { responseHeaders } from './headers.js';
import type { RoutedTrip } from './route.js';

/**
 * If this number of bytes of an answer waits for the client, the upstream connection is paused. At Node's own mark of 16 KB every TLS record
 * stopped the parser, and a 2.9 MB list took twice the CPU time.
 */
const maxBuffered = 256 * 1024;
/**
 * If this number of bytes waits for the end of a turn of the event loop, the bytes are sent at once. With 64 KB, a 2.9 MB list took 6 to
 * 20 % more CPU time than with this size; with 16 KB it took 12 % more.
 */
const batch = 32 * 1024;

/** The request that the writer answers. */
export interface WriterOwner {
  /** Whether the answer may be ended between two of its frames. */
  readonly mayBeEnded: boolean;
  /** The head of a long-running answer was written. */
  onOpened?(): void;
  /** The answer is over, complete or not. */
  onOver(): void;
}

/**
 * How far an answer is:
 * - `begins`: the response has got no part of the body.
 * - `corked`: parts that it has got wait for the end of this turn of the event loop.
 * - `flows`: it has got parts, and none of them is corked.
 * - `over`: nothing more is written.
 */
type AnswerState = 'begins' | 'corked' | 'flows' | 'over';

/**
 * Writes a response to its client. Bytes go from the parser to the client's socket without a stream in between. While the client does not
 * read fast enough, the round trip is paused.
 */
export class ClientWriter implements ClientSink, BodySink, BytesHolder {
  readonly #request: OpenRequest;
  readonly #context: DocumentPolicy & { readonly openStreams: { readonly ending: boolean } };
  readonly #response: ServerResponse;
  readonly #http2: Http2Answer | undefined;
  readonly #owner: WriterOwner;
  /** The round trip that the response comes from. It is paused while the client does not read. */
  trip: RoutedTrip | undefined;
  /** Only the writer changes it. */
  state: AnswerState = 'begins';
  /**
   * The client's socket, if the parts of a long-running answer are written to it at once. Each part is framed as Node would frame it, but
   * written in one piece: a watch event cost a third more in four pieces.
   */
  #socket: Socket | undefined;
  /** The last part of the body so far. It is written when it is known whether more follows. */
  #chunk: Buffer | undefined;
  /** Whether `onTurnEnd` will be called. */
  #awaitsTurnEnd = false;
  /** Whether the round trip is paused. */
  #paused = false;
  /** Whether the client can distinguish a complete answer from one that broke off. */
  #delimited = true;
  /** Undefined before the head, if nobody may end it, or if nothing says where they end. */
  frames: AnswerFrames | undefined;

  constructor(
    request: OpenRequest,
    context: DocumentPolicy & { readonly openStreams: { readonly ending: boolean } },
    owner: WriterOwner,
  ) {
    this.#request = request;
    this.#context = context;
    this.#response = request.reply.raw;
    this.#http2 = request.http2;
    this.#owner = owner;
  }

  get holdsBytes(): boolean {
    return this.#chunk !== undefined || this.#response.writableLength > 0;
  }

  get waiting(): number {
    return (this.#chunk?.length ?? 0) + this.#response.writableLength;
  }

  /** Throws if the head is not valid HTTP/1.1, or too large for the client. Until then Fastify still has the reply, so that an error can be answered. */
  head(statusCode: number, statusMessage: string, rawHeaders: string[]): BodySink {
    if (this.state === 'over') return this;
    const response = this.#response;
    const { reply, record } = this.#request;
    const fields = responseHeaders({ statusCode, rawHeaders }, this.#request, this.#context);
    response.sendDate = false;
    if (this.#context.openStreams.ending) response.shouldKeepAlive = false;
    if (this.#http2 !== undefined) refuseTooLarge(fields.headers, this.#http2);
    response.writeHead(statusCode, statusMessage, fields.headers);
    if (!reply.sent) reply.hijack();
    this.#delimited = response.chunkedEncoding || fields.hasLength;
    record.answeredUpstream(statusCode, fields.auditId);
    if (!record.longRunning) return this;
    record.opened(statusCode);
    this.#owner.onOpened?.();
    if (this.#owner.mayBeEnded) this.frames = AnswerFrames.of(rawHeaders, record.info.verb === 'watch');
    flushHead(response, this.#http2);
    if (this.#http2 === undefined && response.chunkedEncoding) this.#socket = response.socket ?? undefined;
    return this;
  }

  data(chunk: BorrowedBytes): void {
    if (this.frames?.endIn(chunk, this) === true) return;
    // Bytes that are corked or held back must be sent first.
    if (this.#socket !== undefined && this.state !== 'corked' && this.#chunk === undefined) {
      const framed = chunk.toChunk();
      if (framed !== undefined) {
        this.#socket.write(framed, 'latin1');
        return;
      }
    }
    if (this.state === 'over') return;
    if (this.#chunk !== undefined) this.#write(this.#chunk);
    this.#chunk = chunk.keep(this);
  }

  idle(most = maxBuffered): void {
    if (this.#socket !== undefined && this.#chunk === undefined && !this.#socket.writableNeedDrain) return;
    if (this.state === 'over' || !this.#response.headersSent) return;
    if (this.#chunk !== undefined) this.#write(this.#chunk);
    else if (this.state === 'begins') this.#endTurn();
    this.#chunk = undefined;
    if (this.#paused || this.#response.writableLength < most) return;
    const client = this.#http2?.stream ?? this.#response.socket ?? this.#response;
    // Otherwise no `drain` follows.
    if (!client.writableNeedDrain) return;
    this.#paused = true;
    this.trip?.pause();
    client.once('drain', () => {
      this.#paused = false;
      if (this.state !== 'over') this.trip?.resume();
    });
  }

  end(): void {
    if (this.state === 'over') return;
    this.#request.record.endedBy ??= 'upstream';
    this.close();
    if (this.#chunk === undefined) this.#response.end();
    else this.#response.end(this.#chunk);
    this.#chunk = undefined;
  }

  /** Answers with a Status if the answer has not begun. Otherwise it cuts the answer so that the client notices. */
  error(error: Error): void {
    if (this.state === 'over') return;
    const { reply, record } = this.#request;
    record.endedBy ??= 'error';
    if (!this.#response.headersSent) {
      this.close();
      reply.send(error);
      return;
    }
    record.failure = error;
    // A lagging client has unread bytes, and may never read them.
    const isStuck = error instanceof LaggingError;
    if (isStuck && this.#http2 !== undefined) {
      this.close();
      this.#http2.drop();
    } else this.#cut({ isDelimited: this.#delimited && !isStuck });
  }

  /** Ends the answer so that the client notices that it is not complete. An answer that has not begun becomes this error. */
  cut(error: Error): void {
    if (this.state === 'over') return;
    if (this.#response.headersSent) this.#cut({ isDelimited: this.#delimited });
    else this.error(error);
  }

  #cut(how: { readonly isDelimited: boolean }): void {
    // First send what has come so far, above all the head.
    this.idle();
    this.#flush();
    this.close();
    if (this.#http2 === undefined) cut(this.#request.reply.raw.req.socket, how);
    else this.#http2.cut();
  }

  /** Ends the answer as the API server ends a watch: with its last chunk, behind these bytes. Before its head it becomes this error. */
  endEarly(error: Error, last?: Buffer): void {
    if (this.state === 'over') return;
    if (!this.#response.headersSent) {
      this.error(error);
      return;
    }
    this.close();
    this.#response.end(last);
  }

  /** Writes nothing more. It is also called when the client has gone. */
  close(): void {
    this.state = 'over';
    this.#socket = undefined;
    this.#owner.onOver();
  }

  /**
   * The object to cork: for HTTP/1.1 the socket, not the response. Node 22 and 24 send the last chunk (`0`) of a corked response before the
   * waiting bytes, so these become the beginning of the next answer on the connection. They also write every part in five pieces.
   */
  get #writer(): Pick<Socket, 'cork' | 'uncork'> | null {
    return this.#http2 === undefined ? this.#response.socket : this.#response;
  }

  #write(chunk: Buffer): void {
    const response = this.#response;
    if (this.state !== 'corked') this.#writer?.cork();
    this.state = 'corked';
    response.write(chunk);
    if (response.writableLength >= batch) this.#uncork();
    else this.#endTurn();
  }

  /**
   * Sends at the end of this turn of the event loop. So a plain head is sent together with the first bytes of its body, and all bytes of
   * one turn together.
   */
  #endTurn(): void {
    if (this.#awaitsTurnEnd) return;
    this.#awaitsTurnEnd = true;
    setImmediate(onTurnEnd, this);
  }

  /** Called at the end of the turn of the event loop. */
  onTurnEnd(): void {
    this.#awaitsTurnEnd = false;
    if (this.state !== 'over') this.#flush();
  }

  /** Sends what has come so far. */
  #flush(): void {
    if (this.state === 'corked') this.#uncork();
    else if (this.state === 'begins') flushHead(this.#response, this.#http2);
  }

  #uncork(): void {
    if (this.state === 'corked') this.state = 'flows';
    this.#writer?.uncork();
  }
}

function onTurnEnd(writer: ClientWriter): void {
  writer.onTurnEnd();
}

const nothing = Buffer.alloc(0);

/** Throws an UpstreamError for fields that would cost the client its whole connection. */
function refuseTooLarge(fields: RawHeaders, http2: Http2Answer): void {
  if (http2.takes(fields)) return;
  const message = `the head of the API server's answer exceeds the ${http2.maxHead} bytes of this HTTP/2 connection, or 65536 in one field; try HTTP/1.1`;
  throw new UpstreamError(502, 'protocol', message);
}

/**
 * Sends the head before there is a body, with one byte per character. Node's own flushHeaders for HTTP/1.1 writes the head as UTF-8; a head
 * before a body of bytes is not. If there is no body, the end of the answer sends the head.
 */
function flushHead(response: ServerResponse, http2: Http2Answer | undefined): void {
  if (http2 === undefined) response.write(nothing);
  else response.flushHeaders();
}
