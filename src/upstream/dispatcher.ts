import { UpstreamConnection } from './connection.js';
import type { Dial } from './dial.js';

/** Under the 60 s of common load balancers and the 90 s of the API server, so that they seldom close first. */
const idleTimeout = 55_000;
const sweepInterval = 5_000;
/** Idle connections kept: a burst's worth of handshakes is not paid twice, and no more is held open. */
const maxIdle = 128;

/**
 * Hands out connections: the one used last first, a new one when all are busy. There is no upper limit and no queue, so
 * that any number of watches leaves room for a plain request, as net/http's Transport does it.
 */
export class UpstreamDispatcher {
  readonly #dial: Dial;
  readonly #idle: UpstreamConnection[] = [];
  readonly #open = new Set<UpstreamConnection>();
  #closed = false;
  #sweep: NodeJS.Timeout | undefined;
  #onEmpty: () => void = () => {};

  constructor(dial: Dial) {
    this.#dial = dial;
  }

  /** How many connections wait for a request, and how many carry one. */
  get counts(): { readonly idle: number; readonly active: number } {
    return { idle: this.#idle.length, active: this.#open.size - this.#idle.length };
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
    if (this.#closed && this.#open.size === 0) this.#onEmpty();
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
    if (this.#open.size === 0) this.#onEmpty();
  }

  /** Ends every connection now, in use or not. */
  destroy(): void {
    this.close();
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
