import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { patience } from '../eventually.js';
import { type CertificateSubject, certificateSubject, type UserInfo } from './authentication.js';

/** One request as it arrived, and the state of its answer. */
export interface RequestRecord {
  readonly method: string;
  /** The request target, byte for byte. */
  readonly rawUrl: string;
  readonly httpVersion: string;
  /** Names and values alternately, in their order and case. */
  readonly rawHeaders: readonly string[];
  /** Header fields by name in lower case; node:http joins repeated ones. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly upgrade: boolean;
  /** Who sent it, and whom the sender acts as; undefined if nobody, or if an interceptor answered. */
  readonly user: UserInfo | undefined;
  readonly impersonated: UserInfo | undefined;
  readonly tlsSubject: CertificateSubject | undefined;
  readonly tlsSessionReused: boolean;
  readonly tlsServerName: string | undefined;
  readonly remotePort: number;
  /** The number of body bytes so far, and their SHA-256 in hex. */
  readonly bodyBytes: number;
  readonly sha256: string;
  /** Set when the answer is complete; an accepted upgrade has none. */
  readonly statusCode: number | undefined;
  /** Milliseconds since the epoch: arrival, last byte of the answer written, stream closed. */
  readonly startedAt: number;
  readonly finishedAt: number | undefined;
  readonly closedAt: number | undefined;
  /** True if the connection ended before the answer was complete. Never true for an upgraded connection. */
  readonly aborted: boolean;
  /** Settles when the request's stream is closed: after the answer, or when the client left. */
  readonly closed: Promise<void>;
}

/** The record of a request that is being served. */
export class LiveRecord implements RequestRecord {
  readonly method: string;
  readonly rawUrl: string;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly tlsSubject: CertificateSubject | undefined;
  readonly tlsSessionReused: boolean;
  readonly tlsServerName: string | undefined;
  readonly remotePort: number;
  readonly startedAt = Date.now();
  user: UserInfo | undefined;
  impersonated: UserInfo | undefined;
  bodyBytes = 0;
  statusCode: number | undefined;
  finishedAt: number | undefined;
  closedAt: number | undefined;
  aborted = false;
  readonly closed: Promise<void>;
  readonly #hash = createHash('sha256');

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    readonly upgrade: boolean,
  ) {
    const socket = request.socket as TLSSocket;
    this.method = request.method ?? '';
    this.rawUrl = request.url ?? '';
    this.httpVersion = request.httpVersion;
    this.rawHeaders = request.rawHeaders;
    this.headers = request.headers;
    this.tlsSubject = certificateSubject(socket);
    this.tlsSessionReused = socket.isSessionReused?.() ?? false;
    this.tlsServerName = typeof socket.servername === 'string' ? socket.servername : undefined;
    this.remotePort = socket.remotePort ?? 0;
    // A 'data' listener would start the stream before its handler is ready. This observes the bytes as they enter instead.
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
      if (chunk !== null) {
        this.bodyBytes += chunk.length;
        this.#hash.update(chunk);
      }
      return push(chunk, encoding);
    };
    response.once('finish', () => {
      this.finishedAt = Date.now();
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

  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }
}

/** The requests that reached the server, oldest first; only the latest `limit` are kept. */
export class RequestLog {
  readonly records: RequestRecord[] = [];
  readonly #events = new EventEmitter().setMaxListeners(0);

  constructor(readonly limit: number) {}

  /** Starts the record of a request. Call this before anything reads the body. */
  add(request: IncomingMessage, response: ServerResponse, upgrade: boolean): LiveRecord {
    const record = new LiveRecord(request, response, upgrade);
    this.records.push(record);
    if (this.records.length > this.limit) this.records.shift();
    this.#events.emit('request', record);
    return record;
  }

  /** The first past or future request that matches; rejects if none comes. */
  waitFor(matches: (record: RequestRecord) => boolean): Promise<RequestRecord> {
    const known = this.records.find(matches);
    if (known) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const listener = (record: RequestRecord) => {
        if (!matches(record)) return;
        stop();
        resolve(record);
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`no matching request within ${patience} ms`));
      }, patience);
      const stop = () => {
        clearTimeout(timer);
        this.#events.off('request', listener);
      };
      this.#events.on('request', listener);
    });
  }
}
