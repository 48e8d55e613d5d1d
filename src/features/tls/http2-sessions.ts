import type { Server } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { ClientRules } from '../../http/listener.js';
import { Http2Session, type Patience } from './http2-session.js';
import type { AbuseReason } from './metrics.js';

/** What HTTP/2 connections may do, and their events that are counted and logged. */
export interface Http2SessionsOptions extends ClientRules {
  /** A connection was ended because its client sent too many resets or control frames. */
  readonly onAbuse: (reason: AbuseReason, remoteAddress: string | undefined) => void;
}

/** How often connections are checked, in milliseconds, and how often a client may be silent then. */
interface Http2Times {
  readonly checkInterval: number;
  readonly patience: Patience;
}

/** Milliseconds between checks of all connections. */
const checkInterval = 2_000;
/** A silent client gets a PING after 4 to 6 s, and then has the rest of its time to answer: 16 s. client-go gives an API server 15 s. */
const ask = 3;

/** The HTTP/2 connections of a server. They have the same idle limits as its HTTP/1.1 connections, and close with them. */
export class Http2Sessions {
  readonly #server: Server;
  readonly #options: Http2SessionsOptions;
  readonly #patience: Patience;
  readonly #checkInterval: number;
  #timer: NodeJS.Timeout | undefined;
  readonly #sessions = new Set<Http2Session>();

  constructor(server: Server, options: Http2SessionsOptions, times?: Http2Times) {
    this.#server = server;
    const end = Math.floor(options.patience / checkInterval) - 1;
    this.#patience = times?.patience ?? { ask, end };
    this.#checkInterval = times?.checkInterval ?? checkInterval;
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
  }

  /** Speaks HTTP/2 on a connection that has negotiated h2 by ALPN. */
  accept(socket: TLSSocket): void {
    const session = new Http2Session(this.#server, socket, this.#options.authenticates, reason =>
      this.#options.onAbuse(reason, socket.remoteAddress),
    );
    this.#sessions.add(session);
    this.#timer ??= setInterval(() => this.#check(), this.#checkInterval).unref();
    socket.once('close', () => this.#remove(session));
  }

  #remove(session: Http2Session): void {
    this.#sessions.delete(session);
    if (this.#sessions.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    for (const session of this.#sessions) {
      session.check(this.#patience);
      this.#closeIdle(session);
    }
  }

  /** The first request has the time limit of any head. After that, the idle limit is that of HTTP/1.1. */
  #closeIdle(session: Http2Session): void {
    const { headersTimeout, keepAliveTimeout } = this.#server;
    const { idle } = session;
    if (idle === undefined) return;
    if (!idle.used && idle.time > headersTimeout) session.destroy();
    else if (idle.time > keepAliveTimeout + 2 * checkInterval) session.destroy();
    else if (idle.time > keepAliveTimeout) session.close();
  }
}
