import type { Dial } from './dial/dial.js';
import { type ConnectionOwner, Http1Connection } from './http1/connection.js';
import { Http2Pool } from './http2/pool.js';
import type { ConnectionKind, Lease, Pool } from './round-trip.js';

/**
 * Idle time after which a connection is closed. It is shorter than the 60 s of common load balancers and the 90 s of the API server, so
 * that they seldom close the connection first.
 */
const idleTimeout = 55_000;
const sweepInterval = 5_000;
/** The most idle connections: enough that a burst does not pay for the same handshakes twice. */
const maxIdle = 128;

/**
 * The connections to one API server with one client certificate. A request gets the connection that was used last, or a new one if all are
 * busy. There is no upper limit and no queue, as in net/http's Transport; so a plain request never waits, however many watches there are.
 */
export class ConnectionPool implements Pool, ConnectionOwner {
  readonly #dial: Dial;
  /** The pool for requests that may share a connection; undefined if none is shared. */
  readonly #shared: Http2Pool | undefined;
  readonly #idle: Http1Connection[] = [];
  readonly #open = new Set<Http1Connection>();
  #closed = false;
  #sweep: NodeJS.Timeout | undefined;
  #onEmpty: () => void = () => {};

  /**
   * @param dial Opens an HTTP/1.1 connection.
   * @param http2Dial Opens a connection that uses HTTP/2 if the API server supports it; undefined means HTTP/1.1 for all requests.
   */
  constructor(dial: Dial, http2Dial?: Dial) {
    this.#dial = dial;
    if (http2Dial === undefined) return;
    this.#shared = new Http2Pool({
      dial: http2Dial,
      plain: () => this.acquire(),
      onEmpty: () => this.#tellIfEmpty(),
    });
  }

  /** The number of connections that are idle, and that carry a request. */
  get counts(): { readonly idle: number; readonly active: number } {
    const shared = this.#shared?.counts ?? { idle: 0, active: 0 };
    return {
      idle: this.#idle.length + shared.idle,
      active: this.#open.size - this.#idle.length + shared.active,
    };
  }

  lease(kind: ConnectionKind): Lease | Promise<Lease> {
    switch (kind) {
      case 'shared':
        return this.#shared?.acquire() ?? this.acquire();
      case 'any':
        return this.acquire();
      case 'new':
        return this.connect();
      case 'upgrade':
        return this.connect({ maySwitch: true });
    }
  }

  /** Returns an idle connection, or a new one if there is none. */
  acquire(): Http1Connection {
    return this.#idle.pop() ?? this.connect();
  }

  /** Opens a new connection, even if others are idle. */
  connect(options?: { readonly maySwitch: boolean }): Http1Connection {
    const connection = new Http1Connection(this.#dial, this, options);
    this.#open.add(connection);
    return connection;
  }

  release(connection: Http1Connection): void {
    if (this.#closed || this.#idle.length >= maxIdle) {
      this.discard(connection);
      return;
    }
    connection.reused = true;
    connection.idleSince = performance.now();
    this.#idle.push(connection);
    this.#sweep ??= setInterval(() => this.#endIdle(), sweepInterval).unref();
  }

  discard(connection: Http1Connection): void {
    if (!this.#open.delete(connection)) return;
    const index = this.#idle.lastIndexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
    connection.destroy();
    this.#tellIfEmpty();
  }

  leave(connection: Http1Connection): void {
    this.#open.delete(connection);
    this.#tellIfEmpty();
  }

  #tellIfEmpty(): void {
    if (this.#closed && this.#open.size === 0 && (this.#shared?.isEmpty ?? true)) this.#onEmpty();
  }

  /** Calls `callback` once the pool is closed and its last connection has ended. */
  whenEmpty(callback: () => void): void {
    this.#onEmpty = callback;
  }

  /** Ends idle connections now, and the others when their response is complete. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const connection of [...this.#idle]) this.discard(connection);
    this.#shared?.close();
    this.#tellIfEmpty();
  }

  /** Ends every connection now, even if it is in use. */
  destroy(): void {
    this.close();
    this.#shared?.destroy();
    for (const connection of this.#open) this.discard(connection);
  }

  /** The idle connections, beginning with the one that has been idle longest. */
  #endIdle(): void {
    const limit = performance.now() - idleTimeout;
    for (const connection of [...this.#idle]) if (connection.idleSince < limit) this.discard(connection);
    if (this.#idle.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
