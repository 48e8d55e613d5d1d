import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Session } from '../clusters/cluster.js';
import { fieldValue, hasField } from '../http/header-fields.js';
import { hasBody } from '../http/message.js';
import { queryValues } from '../kubernetes/query.js';
import { StatusError } from '../kubernetes/status.js';
import type { RequestRecord } from '../observability/request-record.js';
import type { RequestContext } from '../request/context.js';
import { asHttp2, type Http2Response } from '../server/listener/http2-response.js';
import type { Carrier, ExchangeEvents } from '../transport/carrier.js';
import { toUpstreamError } from '../transport/upstream-error.js';
import { cut } from './cut.js';
import { flushHead } from './flush-head.js';
import { inboundHeaders, trailerFields, withPossibleTrailer } from './headers.js';
import type { OpenStream } from './open-streams.js';
import { bringsAuthorization, outboundRequest, type ProxyContext } from './outbound-request.js';
import { RequestBody } from './request-body.js';

/**
 * Bytes of an answer that wait for its client before its upstream connection waits too. At Node's own mark of 16 KB every
 * TLS record stopped the parser, and a 2.9 MB list took twice the CPU time.
 */
const maxBuffered = 256 * 1024;
/** Bytes that wait for the end of a turn of the event loop at most. With 64 KB a 2.9 MB list took 6 to 20 % more CPU time, with 16 KB 12 %. */
const batch = 32 * 1024;
/** Bytes of a part of a long-running answer that go to the client as text, with their framing. */
const maxEvent = 8 * 1024;

/** A 401 that is kept back while another credential is looked for; what follows its head is kept as it comes. */
interface KeptBack {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: string[];
  readonly chunks: Buffer[];
  /** How it ended, if it has: with trailers or with an error. */
  end?: string[] | Error;
}

/** One plain request and its answer: bytes go from the parser to the client's socket without a stream in between. */
export class HttpExchange implements ExchangeEvents, OpenStream {
  readonly #context: ProxyContext;
  readonly #client: RequestContext;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #http2: Http2Response | undefined;
  readonly #longRunning: boolean;
  readonly #hasBody: boolean;
  readonly isUpgraded = false;
  #sentAt = 0;
  #session: Session | undefined;
  /** The connection that the answer comes from; undefined before, between and after tries. */
  #connection: Carrier | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether a 401 has been tried again with another credential. */
  #renewed = false;
  #keptBack: KeptBack | undefined;
  /**
   * Where the parts of a long-running answer go at once, framed as Node would frame them but in one piece: a watch event cost a third
   * more in four.
   */
  #events: Socket | undefined;
  /** Whether the client has been slow to take them. */
  #eventsWait = false;
  /** The last part of the body so far: written when it is known whether there is more. */
  #chunk: Buffer | undefined;
  /** Whether what is written waits for the end of this turn of the event loop. */
  #corked = false;
  /** Whether a part of the body has been written. */
  #streaming = false;
  #turnEnds = false;
  /** Whether the API server waits for the client. */
  #paused = false;
  /** Whether the client can tell a complete answer from one that broke off. */
  #delimited = true;
  #done = false;

  constructor(context: ProxyContext, client: RequestContext) {
    const { raw, reply, record } = client;
    this.#context = context;
    this.#client = client;
    this.#request = raw;
    this.#response = reply.raw;
    this.#http2 = asHttp2(reply.raw);
    this.#longRunning = record.longRunning;
    this.#hasBody = hasBody(raw);
  }

  /** Sends the request upstream; everything that follows ends on the reply. */
  start(): void {
    this.#client.onEnd(() => this.#onClientClose());
    if (this.#longRunning) this.#context.openStreams.add(this);
    else if (this.#context.requestTimeout > 0) {
      this.#startTimer();
    }
    if (this.#http2 === undefined && this.#isEndless()) this.#endWithClient();
    const session = this.#client.cluster.session();
    if (!(session instanceof Promise)) this.#send(session);
    else session.then(late => this.#send(late)).catch(error => this.#fail(error));
  }

  get #record(): RequestRecord {
    return this.#client.record;
  }

  /** Whether the answer has no end of its own, and may be silent for long. */
  #isEndless(): boolean {
    const { info } = this.#record;
    if (info.verb === 'watch') return true;
    return info.subresource === 'log' && queryValues(this.#client.target.query, 'follow').length > 0;
  }

  /**
   * Ends a watch at once when its client closes its side (FIN). The client has most likely left, and only a write could show that, which
   * may be minutes away. In net/http, and so in kubectl proxy, a FIN cancels every request (`connReader.handleReadError`).
   */
  #endWithClient(): void {
    const { socket } = this.#request;
    if (socket.readableEnded) this.#onClientEnd();
    else socket.once('end', this.#onClientEnd);
  }

  #onClientEnd = (): void => {
    this.#onClientClose();
    this.#request.socket.destroySoon();
  };

  #send(session: Session): void {
    if (this.#done) return;
    this.#session = session;
    const { dispatcher } = session;
    const carrier = this.#mayShare() ? dispatcher.acquireShared() : dispatcher.acquire();
    if (carrier instanceof Promise) this.#dispatchLater(session, carrier);
    else this.#dispatch(session, carrier);
  }

  /** Answers that the API server itself makes up as it goes; what a program behind it sends stays as it is, to the byte. */
  #mayShare(): boolean {
    const { verb, subresource } = this.#record.info;
    return (verb === 'watch' || subresource === 'log') && this.#request.method === 'GET' && !this.#hasBody;
  }

  #dispatchLater(session: Session, carrier: Promise<Carrier>): void {
    carrier.then(
      late => {
        if (this.#done) late.cancel();
        else this.#dispatch(session, late);
      },
      error => this.#fail(toUpstreamError(error, session.host)),
    );
  }

  #dispatch(session: Session, connection: Carrier): void {
    this.#connection = connection;
    this.#sentAt = performance.now();
    try {
      const { path, headers } = outboundRequest(this.#context, this.#client, session);
      const body = this.#hasBody ? new RequestBody(this.#request, this.#context.patience) : undefined;
      if (body !== undefined) headers.push(...body.framing);
      else if (hasField(this.#request.rawHeaders, 'content-length')) headers.push('Content-Length', '0');
      connection.send({ method: this.#request.method as string, path, headers }, body, this);
    } catch (error) {
      this.#fail(error as Error);
      this.#cancel();
    }
  }

  onHead(statusCode: number, statusMessage: string, headers: string[]): void {
    this.#context.traffic.firstByte(performance.now() - this.#sentAt);
    if (statusCode === 401 && !this.#renewed && !bringsAuthorization(this.#context, this.#client)) {
      this.#renewed = true;
      const renewal = this.#client.cluster.refused(this.#session as Session);
      if (!this.#hasBody) {
        this.#keepBack(renewal, { statusCode, statusMessage, headers, chunks: [] });
        return;
      }
    }
    this.#head(statusCode, statusMessage, headers);
  }

  onBody(chunk: Buffer): void {
    // What is corked or kept has to leave first.
    if (
      this.#events !== undefined &&
      chunk.length <= maxEvent &&
      !this.#corked &&
      this.#chunk === undefined
    ) {
      const text = `${chunk.length.toString(16)}\r\n${chunk.toString('latin1')}\r\n`;
      this.#eventsWait = !this.#events.write(text, 'latin1');
    } else if (this.#keptBack !== undefined) this.#keptBack.chunks.push(Buffer.from(chunk));
    else {
      if (this.#chunk !== undefined) this.#write(this.#chunk);
      this.#chunk = chunk;
    }
  }

  onIdle(): void {
    if (this.#events !== undefined && this.#chunk === undefined && !this.#eventsWait) return;
    if (this.#keptBack !== undefined || this.#done || !this.#response.headersSent) return;
    if (this.#chunk !== undefined) this.#write(this.#chunk);
    else if (!this.#streaming) this.#endTurn();
    this.#chunk = undefined;
    if (this.#paused || this.#response.writableLength < maxBuffered) return;
    this.#paused = true;
    this.#connection?.pause();
    const client = this.#http2 ?? this.#response.socket ?? this.#response;
    client.once('drain', () => {
      this.#paused = false;
      this.#connection?.resume();
    });
  }

  onEnd(trailers: string[]): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.#keptBack !== undefined) {
      this.#keptBack.end = trailers;
      return;
    }
    this.#end(trailers);
    if (this.#response.writableLength > 0) connection?.abandon();
    else connection?.reclaim();
  }

  onError(error: Error): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.#done || connection === undefined) return;
    const session = this.#session as Session;
    if (this.#keptBack !== undefined) this.#keptBack.end = error;
    else if (connection.stale && this.#isRetriable()) this.#dispatch(session, session.dispatcher.connect());
    else this.#fail(toUpstreamError(error, session.host));
  }

  #keepBack(renewal: Promise<Session | undefined>, answer: KeptBack): void {
    this.#keptBack = answer;
    this.#connection?.pause();
    void renewal.then(next => {
      this.#keptBack = undefined;
      if (this.#done) return;
      if (next === undefined) this.#giveOut(answer);
      else {
        // A request that was refused has changed nothing, whatever its method: it may go again, while its client waits.
        this.#cancel();
        this.#send(next);
      }
    });
  }

  #giveOut({ statusCode, statusMessage, headers, chunks, end }: KeptBack): void {
    this.#head(statusCode, statusMessage, headers);
    for (const chunk of chunks) this.onBody(chunk);
    if (Array.isArray(end)) this.#end(end);
    else if (end !== undefined) this.#fail(toUpstreamError(end, (this.#session as Session).host));
    else {
      this.onIdle();
      this.#connection?.resume();
    }
  }

  #head(statusCode: number, statusMessage: string, rawHeaders: string[]): void {
    const response = this.#response;
    const headers = inboundHeaders(rawHeaders);
    const { answerHeaders } = this.#client;
    if (answerHeaders !== undefined) headers.push(...answerHeaders);
    response.sendDate = false;
    if (this.#context.openStreams.ending) response.shouldKeepAlive = false;
    // Throws on what no HTTP/1.1 answer can have; only after that the reply is out of Fastify's hands.
    response.writeHead(statusCode, statusMessage, withPossibleTrailer(statusCode, headers, response));
    if (!this.#client.reply.sent) this.#client.reply.hijack();
    this.#delimited = response.chunkedEncoding || hasField(headers, 'content-length');
    this.#record.auditId = fieldValue(headers, 'audit-id');
    if (this.#longRunning) {
      this.#record.opened(statusCode);
      flushHead(response);
      if (this.#http2 === undefined && response.chunkedEncoding) this.#events = response.socket ?? undefined;
    }
  }

  /**
   * What to cork: over HTTP/1.1 the socket, not the response. Node 22 and 24 send the last chunk (`0`) of a corked response in front of the
   * bytes that wait, and these become the beginning of the connection's next answer. They also send every part in five writes.
   */
  get #writer(): Pick<Socket, 'cork' | 'uncork'> | null {
    return this.#http2 === undefined ? this.#response.socket : this.#response;
  }

  #write(chunk: Buffer): void {
    const response = this.#response;
    this.#streaming = true;
    if (!this.#corked) this.#writer?.cork();
    this.#corked = true;
    response.write(chunk);
    this.#connection?.detach();
    if (response.writableLength >= batch) this.#uncork();
    else this.#endTurn();
  }

  /** A plain head leaves together with its first bytes of body, and what comes in one turn of the event loop leaves together. */
  #endTurn(): void {
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    setImmediate(flush, this);
  }

  /** Sends what has come so far. */
  flush(): void {
    this.#turnEnds = false;
    if (this.#done) return;
    if (this.#corked) this.#uncork();
    else if (!this.#streaming) flushHead(this.#response);
  }

  #uncork(): void {
    this.#corked = false;
    this.#writer?.uncork();
    if (this.#response.writableLength === 0) this.#connection?.reclaim();
  }

  #end(trailers: string[]): void {
    if (this.#done) return;
    this.#record.endedBy ??= 'upstream';
    if (trailers.length > 0 && this.#response.chunkedEncoding) {
      this.#response.addTrailers(trailerFields(trailers));
    }
    this.#finish();
    if (this.#chunk === undefined) this.#response.end();
    else this.#response.end(this.#chunk);
  }

  /** Ends the answer as the API server ends a watch: with its last chunk. */
  end(): void {
    this.#record.endedBy ??= 'shutdown';
    if (!this.#response.headersSent) {
      this.#fail(new StatusError(503, 'kube-api-proxy is shutting down'));
    } else if (!this.#done) {
      this.#finish();
      this.#response.end();
    }
    this.#cancel();
  }

  destroy(): void {
    this.#record.endedBy ??= 'shutdown';
    if (this.#http2 === undefined) this.#request.socket.destroy();
    else this.#http2.drop();
  }

  /** A request that the API server may get twice: without a body, and changing nothing. */
  #isRetriable(): boolean {
    const { method } = this.#request;
    return !this.#hasBody && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS');
  }

  #onClientClose(): void {
    clearTimeout(this.#timer);
    if (this.#done) return;
    this.#record.endedBy ??= 'client';
    this.#finish();
    this.#cancel();
  }

  /** It runs until the client has its answer: one that does not read would keep its place among the requests for ever. */
  #startTimer(): void {
    this.#timer = setTimeout(() => this.#onTimeout(), this.#context.requestTimeout);
  }

  #onTimeout(): void {
    const seconds = this.#context.requestTimeout / 1000;
    const hasHead = this.#response.headersSent;
    this.#fail(new StatusError(504, `the API server did not answer within --request-timeout (${seconds}s)`));
    this.#cancel();
    if (!hasHead) this.#startTimer();
    else if (this.#http2 === undefined) this.#request.socket.destroy();
    else this.#http2.drop();
  }

  /** Answers with a Status while that is possible, else lets the client see that the answer is cut. */
  #fail(error: Error): void {
    if (this.#done) return;
    this.#record.endedBy ??= 'error';
    if (!this.#response.headersSent) {
      this.#finish();
      this.#client.reply.send(error);
      return;
    }
    // Send what has arrived first, above all the head.
    this.onIdle();
    this.flush();
    this.#finish();
    this.#record.failure = error;
    this.#cut();
  }

  /** Ends the answer in the middle: over HTTP/1.1 by ending the connection, over HTTP/2 the stream alone. */
  #cut(): void {
    if (this.#http2 !== undefined) this.#http2.cut();
    else cut(this.#request.socket, { isDelimited: this.#delimited });
  }

  #finish(): void {
    this.#done = true;
    this.#events = undefined;
    if (!this.#longRunning) return;
    this.#context.openStreams.delete(this);
    this.#request.socket.off('end', this.#onClientEnd);
  }

  #cancel(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.cancel();
  }
}

function flush(exchange: HttpExchange): void {
  exchange.flush();
}
