import type { Server } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { AbuseReason } from '../observability/listener-metrics.js';
import { Http2Session } from './http2-session.js';

/** What is told of HTTP/2 connections. */
export interface Http2SessionsOptions {
  /** A connection was ended because of what its client did. */
  readonly onAbuse: (reason: AbuseReason, remoteAddress: string | undefined) => void;
}

/** Milliseconds between looks at how long connections have been idle. */
const interval = 2_000;

/**
 * The HTTP/2 connections of a server: they are idle and closed by the same times as its HTTP/1.1 ones, and end when it ends
 * those.
 */
export class Http2Sessions {
  readonly #server: Server;
  readonly #options: Http2SessionsOptions;
  readonly #sessions = new Set<Http2Session>();

  constructor(server: Server, options: Http2SessionsOptions) {
    this.#server = server;
    this.#options = options;
    const closeIdleConnections = server.closeIdleConnections.bind(server);
    server.closeIdleConnections = () => {
      closeIdleConnections();
      for (const session of this.#sessions) session.close();
    };
    const closeAllConnections = server.closeAllConnections.bind(server);
    server.closeAllConnections = () => {
      closeAllConnections();
      for (const session of this.#sessions) session.destroy();
    };
    const timer = setInterval(() => this.#closeIdle(), interval).unref();
    server.once('close', () => clearInterval(timer));
  }

  /** Speaks HTTP/2 on a connection whose ALPN protocol is h2. */
  accept(socket: TLSSocket): void {
    const session = new Http2Session(this.#server, socket, reason =>
      this.#options.onAbuse(reason, socket.remoteAddress),
    );
    this.#sessions.add(session);
    session.onClose(() => this.#sessions.delete(session));
  }

  /** A client may be slow with its first request as with any head, and then keep the connection as long as with HTTP/1.1. */
  #closeIdle(): void {
    const { headersTimeout, keepAliveTimeout } = this.#server;
    for (const session of this.#sessions) {
      const { idle } = session;
      if (idle === undefined) continue;
      if (!idle.used && idle.time > headersTimeout) session.destroy();
      else if (idle.time > keepAliveTimeout + interval) session.destroy();
      else if (idle.time > keepAliveTimeout) session.close();
    }
  }
}
