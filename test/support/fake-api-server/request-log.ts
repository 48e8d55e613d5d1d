import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { patience } from '../eventually.js';
import { type CertificateSubject, certificateSubject, type UserInfo } from './authentication.js';

/** One request as it arrived, and the state of its answer. */
export type RequestRecord = Readonly<LiveRecord>;

/** The record of a request that is being served. */
export class LiveRecord {
  readonly method: string;
  /** The request target, byte for byte. */
  readonly rawUrl: string;
  readonly httpVersion: string;
  /** Names and values alternately, in their order and case. */
  readonly rawHeaders: readonly string[];
  /** Header fields by name in lower case; node:http joins repeated ones. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly upgrade: boolean;
  readonly tlsSubject: CertificateSubject | undefined;
  readonly tlsSessionReused: boolean;
  readonly tlsServerName: string | undefined;
  readonly remotePort: number;
  /** Who sent it, and whom the sender acts as; undefined if nobody, or if an interceptor answered. */
  user: UserInfo | undefined;
  impersonated: UserInfo | undefined;
  /** The number of body bytes so far. */
  bodyBytes = 0;
  /** Set when the answer is complete; an accepted upgrade has none. */
  statusCode: number | undefined;
  /** When its stream was closed, in milliseconds since the epoch. */
  closedAt: number | undefined;
  /** True if the connection ended before the answer was complete. Never true for an upgraded connection. */
  aborted = false;
  /** Settles when the request's stream is closed: after the answer, or when the client left. */
  readonly closed: Promise<void>;

  constructor(request: IncomingMessage, response: ServerResponse, upgrade: boolean) {
    const socket = request.socket as TLSSocket;
    this.method = request.method ?? '';
    this.rawUrl = request.url ?? '';
    this.httpVersion = request.httpVersion;
    this.rawHeaders = request.rawHeaders;
    this.headers = request.headers;
    this.upgrade = upgrade;
    this.tlsSubject = certificateSubject(socket);
    this.tlsSessionReused = socket.isSessionReused?.() ?? false;
    this.tlsServerName = typeof socket.servername === 'string' ? socket.servername : undefined;
    this.remotePort = socket.remotePort ?? 0;
    // A 'data' listener would start the stream before its handler is ready. This observes the bytes as they enter instead.
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
      this.bodyBytes += chunk?.length ?? 0;
      return push(chunk, encoding);
    };
    response.once('finish', () => {
      this.statusCode = response.statusCode;
    });
    this.closed = new Promise(resolve => {
      (upgrade ? socket : response).once('close', () => {
        this.closedAt = Date.now();
        // Over HTTP/2, Node finally marks every answer as finished.
        this.aborted = !upgrade && (request.aborted || !response.writableFinished);
        resolve();
      });
    });
  }
}

/** The requests that reached the server, oldest first; only the latest `limit` are kept. */
export class RequestLog {
  readonly records: RequestRecord[] = [];
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Starts the record of a request. Call this before anything reads the body. */
  add(request: IncomingMessage, response: ServerResponse, upgrade: boolean): LiveRecord {
    const record = new LiveRecord(request, response, upgrade);
    this.records.push(record);
    if (this.records.length > this.#limit) this.records.shift();
    this.#events.emit('request');
    return record;
  }

  /** The first past or future request that matches; rejects if none comes. */
  async waitFor(matches: (record: RequestRecord) => boolean): Promise<RequestRecord> {
    const signal = AbortSignal.timeout(patience);
    for (;;) {
      const found = this.records.find(matches);
      if (found !== undefined) return found;
      await once(this.#events, 'request', { signal }).catch(() => {
        throw new Error(`no matching request within ${patience} ms`);
      });
    }
  }
}
