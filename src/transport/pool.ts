import type { Carrier } from './carrier.js';
import type { Dial } from './dial/dial.js';
import { type ConnectionOwner, UpstreamConnection } from './http1/connection.js';
import { Http2Pool } from './http2/pool.js';

/** Under the 60 s of common load balancers and the 90 s of the API server, so that they seldom close first. */
const idleTimeout = 55_000;
const sweepInterval = 5_000;
/** Idle connections kept: a burst's worth of handshakes is not paid twice, and no more is held open. */
const maxIdle = 128;

/**
 * Hands out connections: the one used last first, a new one when all are busy. There is no upper limit and no queue, so
 * that any number of watches leaves room for a plain request, as net/http's Transport does it.
 */
export class UpstreamDispatcher implements ConnectionOwner {
  readonly #dial: Dial;
  /** For requests that may share a connection; undefined where none is shared. */
  readonly #shared: Http2Pool | undefined;
  readonly #idle: UpstreamConnection[] = [];
  readonly #open = new Set<UpstreamConnection>();
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

  /**
   * For a long-running request without a body: a stream of a connection that others share, where the API server speaks HTTP/2. A
   * promise while a connection is being opened, which rejects with its error.
   */
  acquireShared(): Carrier | Promise<Carrier> {
    return this.#shared === undefined ? this.acquire() : this.#shared.acquire();
  }

  /** An idle connection, or else a new one. */
  acquire(): UpstreamConnection {
    return this.#idle.pop() ?? this.connect();
  }

  /** A new connection, whatever is idle: for the second try after a stale one. */
  connect(): UpstreamConnection {
    const connection = new UpstreamConnection(this.#dial, this);
    this.#open.add(connection);
    return connection;
  }

  /** Takes a connection back whose exchange is complete. */
  release(connection: UpstreamConnection): void {
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
  discard(connection: UpstreamConnection): void {
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

  /** Ends idle connections now and those in use when their exchange ends. */
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
