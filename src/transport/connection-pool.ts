import { Deferred } from '../lib/promises.js';
import type { Dial } from './dial/dial.js';
import { Http1Connection, type Http1Owner } from './http1/connection.js';
import { Http2Connection, type Http2Owner } from './http2/connection.js';
import type { ConnectionKind, Lease, Pool } from './round-trip.js';

const checkInterval = 5_000;
/**
 * How many checks a connection stays idle: less than the 60 s of common load balancers and the 90 s of the API server, so that they seldom
 * close the connection first.
 */
const maxIdleChecks = 11;
/** The most idle HTTP/1.1 connections: enough that a burst does not pay for the same handshakes twice. */
const maxIdle = 128;
/** For each so many requests that wait for a shared connection, one is opened: the usual limit of API servers. */
const assumedStreams = 100;

/**
 * The connections to one API server with one client certificate. A request gets the connection that was used last, or a new one if all are
 * busy. There is no upper limit and no queue, as in net/http's Transport; so a plain request never waits, however many watches there are.
 *
 * Requests that may share a connection get streams of HTTP/2, on as few connections as the API server's limits allow. The first connection
 * finds out whether the API server speaks HTTP/2. Over HTTP/1.1 each of these requests costs a TLS connection, and each event costs a read.
 */
export class ConnectionPool implements Pool, Http1Owner, Http2Owner {
  readonly #dial: Dial;
  /** Undefined if no connection is shared, or the API server does not speak HTTP/2. */
  #http2Dial: Dial | undefined;
  readonly #open = new Set<Http1Connection | Http2Connection>();
  readonly #idle: Http1Connection[] = [];
  /** The connections of `#open` that may have room for streams, and those that are being opened. */
  readonly #shared = new Set<Http2Connection>();
  readonly #opening = new Set<Http2Connection>();
  /** The requests that wait for one of `#opening`. */
  #waiting: Deferred<Lease>[] = [];
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #onEmpty: () => void = () => {};

  /**
   * @param dial Opens an HTTP/1.1 connection.
   * @param http2Dial Opens a connection that uses HTTP/2 if the API server supports it; undefined means HTTP/1.1 for all requests.
   */
  constructor(dial: Dial, http2Dial?: Dial) {
    this.#dial = dial;
    this.#http2Dial = http2Dial;
  }

  /** The number of connections that are idle, and that are being opened or carry a request. */
  get counts(): { readonly idle: number; readonly active: number } {
    let idle = 0;
    for (const connection of this.#open) if (connection.isIdle) idle += 1;
    return { idle, active: this.#open.size - idle };
  }

  lease(kind: ConnectionKind): Lease | Promise<Lease> {
    switch (kind) {
      case 'shared':
        return this.#share();
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
    const connection = this.#idle.pop();
    if (connection === undefined) return this.connect();
    connection.isIdle = false;
    return connection;
  }

  /** Opens a new connection, even if others are idle. */
  connect(options?: { readonly maySwitch: boolean }): Http1Connection {
    return this.#add(new Http1Connection(this.#dial, this, options));
  }

  #add<C extends Http1Connection | Http2Connection>(connection: C): C {
    this.#open.add(connection);
    this.#timer ??= setInterval(() => this.#check(), checkInterval).unref();
    return connection;
  }

  /**
   * Returns a stream, or a promise while a connection is being opened. The promise rejects with the error of that connection. A request for
   * which the API server's limits leave no room gets a connection of its own.
   */
  #share(): Lease | Promise<Lease> {
    if (this.#http2Dial === undefined) return this.acquire();
    for (const connection of this.#shared) {
      const stream = connection.open();
      if (stream !== undefined) return stream;
    }
    const lease = new Deferred<Lease>();
    this.#waiting.push(lease);
    if (this.#waiting.length > this.#opening.size * assumedStreams)
      this.#opening.add(this.#add(new Http2Connection(this.#http2Dial, this)));
    return lease.promise;
  }

  settled(connection: Http2Connection, takesStreams: boolean): void {
    this.#opening.delete(connection);
    if (takesStreams) this.#shared.add(connection);
    else this.#http2Dial = undefined;
    const waitsOn = takesStreams && this.#opening.size > 0;
    for (const lease of this.#waiting.splice(0)) {
      const stream = connection.open();
      if (stream !== undefined) lease.resolve(stream);
      else if (waitsOn) this.#waiting.push(lease);
      else lease.resolve(this.acquire());
    }
    if (this.#closed) connection.close();
  }

  ended(connection: Http1Connection | Http2Connection, error?: Error): void {
    this.#open.delete(connection);
    if (connection instanceof Http2Connection) {
      this.#shared.delete(connection);
      if (this.#opening.delete(connection) && this.#opening.size === 0)
        for (const lease of this.#waiting.splice(0)) lease.reject(error as Error);
    } else if (connection.isIdle) this.#idle.splice(this.#idle.lastIndexOf(connection), 1);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#closed) this.#onEmpty();
  }

  release(connection: Http1Connection): void {
    if (this.#closed || this.#idle.length >= maxIdle) {
      connection.destroy();
      return;
    }
    connection.reused = true;
    connection.isIdle = true;
    connection.idleChecks = 0;
    this.#idle.push(connection);
  }

  /** Calls `callback` once the pool is closed and its last connection has ended. */
  whenEmpty(callback: () => void): void {
    this.#onEmpty = callback;
  }

  /** Ends idle connections now, and the others when their responses are complete. */
  close(): void {
    this.#closed = true;
    if (this.#open.size === 0) this.#onEmpty();
    for (const connection of this.#open) connection.close();
  }

  /** The requests that wait for a connection fail with this error. */
  giveUp(error: Error): void {
    for (const connection of this.#open) if (connection.isDialling) connection.destroy(error);
  }

  /** Ends every connection now, even if it is in use. */
  destroy(): void {
    this.close();
    for (const connection of this.#open) connection.destroy();
  }

  #check(): void {
    for (const connection of this.#open) {
      if (connection.isIdle && ++connection.idleChecks > maxIdleChecks) connection.destroy();
      else if (connection instanceof Http2Connection) connection.check();
    }
  }
}
