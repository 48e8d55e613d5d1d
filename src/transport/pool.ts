import type { Dial } from './dial/dial.js';
import { type ConnectionOwner, Http1Connection } from './http1/connection.js';
import { Http2Pool } from './http2/pool.js';
import type { Lease } from './lease.js';
import { PendingTrip } from './pending-trip.js';
import type { Pool, PooledTrip } from './retry-stale.js';
import { type OutgoingRequest, type ResponseSink, refuseIllegal } from './round-trip.js';

/** Under the 60 s of common load balancers and the 90 s of the API server, so that they seldom close first. */
const idleTimeout = 55_000;
const sweepInterval = 5_000;
/** Idle connections kept: a burst's worth of handshakes is not paid twice, and no more is held open. */
const maxIdle = 128;

/**
 * The connections to one API server with one client certificate. A request gets the one used last, or a new one when all are busy. There
 * is no upper limit and no queue, so that any number of watches leaves room for a plain request, as in net/http's Transport.
 */
export class ConnectionPool implements Pool, ConnectionOwner {
  readonly #dial: Dial;
  /** For requests that may share a connection; undefined where none is shared. */
  readonly #shared: Http2Pool | undefined;
  readonly #idle: Http1Connection[] = [];
  readonly #open = new Set<Http1Connection>();
  #closed = false;
  #sweep: NodeJS.Timeout | undefined;
  #onEmpty: () => void = () => {};

  /**
   * @param dial Opens a connection of HTTP/1.1.
   * @param http2Dial Opens one for HTTP/2, if the API server speaks it; undefined to use HTTP/1.1 for everything.
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

  /** How many connections wait for a request, and how many carry one. */
  get counts(): { readonly idle: number; readonly active: number } {
    const shared = this.#shared?.counts ?? { idle: 0, active: 0 };
    return {
      idle: this.#idle.length + shared.idle,
      active: this.#open.size - this.#idle.length + shared.active,
    };
  }

  /** Sends a request; the sink hears of it later. Throws a TypeError when it would not be HTTP. */
  send(request: OutgoingRequest, sink: ResponseSink): PooledTrip {
    refuseIllegal(request);
    const lease = this.#leaseFor(request);
    if (lease instanceof Promise) return new PendingTrip(lease, request, sink);
    lease.send(request, sink);
    return lease;
  }

  /** A promise while a connection to share is being opened, which rejects with its error. */
  #leaseFor({ connection }: OutgoingRequest): Lease | Promise<Lease> {
    if (connection === 'shared' && this.#shared !== undefined) return this.#shared.acquire();
    return connection === 'new' ? this.connect() : this.acquire();
  }

  /** An idle connection, or else a new one. */
  acquire(): Http1Connection {
    return this.#idle.pop() ?? this.connect();
  }

  /** A new connection, whatever is idle. */
  connect(): Http1Connection {
    const connection = new Http1Connection(this.#dial, this);
    this.#open.add(connection);
    return connection;
  }

  /** Takes a connection back whose response is complete. */
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

  /** Ends a connection, whatever its state. */
  discard(connection: Http1Connection): void {
    if (!this.#open.delete(connection)) return;
    const index = this.#idle.lastIndexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
    connection.destroy();
    this.#tellIfEmpty();
  }

  #tellIfEmpty(): void {
    if (this.#closed && this.#open.size === 0 && (this.#shared?.isEmpty ?? true)) this.#onEmpty();
  }

  /** Calls once it is closed and its last connection has ended. */
  whenEmpty(callback: () => void): void {
    this.#onEmpty = callback;
  }

  /** Ends idle connections now and those in use with their response. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const connection of [...this.#idle]) this.discard(connection);
    this.#shared?.close();
    this.#tellIfEmpty();
  }

  /** Ends every connection now, in use or not. */
  destroy(): void {
    this.close();
    this.#shared?.destroy();
    for (const connection of this.#open) this.discard(connection);
  }

  /** Those that have waited longest stand first. */
  #endIdle(): void {
    const limit = performance.now() - idleTimeout;
    for (const connection of [...this.#idle]) if (connection.idleSince < limit) this.discard(connection);
    if (this.#idle.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
