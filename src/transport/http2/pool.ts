import type { Dial } from '../dial/dial.js';
import type { Lease } from '../round-trip.js';
import { Http2Connection } from './connection.js';

const checkInterval = 5_000;
/** After this many checks without a stream a connection is closed. That is as long as an idle HTTP/1.1 connection is kept. */
const maxIdleChecks = 11;

/** What a pool needs. */
interface PoolOptions {
  /** Opens a connection. Its TLS handshake offers HTTP/2 and HTTP/1.1. */
  readonly dial: Dial;
  /** Returns an HTTP/1.1 connection, for an API server without HTTP/2. */
  readonly plain: () => Lease;
  /** Called when the pool's last connection has ended. */
  readonly onEmpty: () => void;
}

/**
 * Streams for long-running requests without a body, on as few connections as the API server's limits allow. The first connection finds out
 * whether the API server speaks HTTP/2. Over HTTP/1.1 each of these requests costs a TLS connection, and each event costs a read.
 *
 * This class is all that other folders use of this one. The folder is an HTTP/2 client of its own because node:http2 costs more (measured in
 * one run, in turns, Node 20.20):
 *
 * | | here | node:http2 |
 * |---|---|---|
 * | CPU of an event, 1,000 watches | 11.3 µs | 14.2 µs |
 * | CPU of an event, 5,000 watches | 11.6 µs | 15.6 µs |
 * | memory of a quiet watch, 1,000 and 5,000 watches | 20 and 22 KB | 31 and 27 KB |
 * | memory of a watch while events flow, 1,000 and 5,000 watches | 39 and 23 KB | 51 and 31 KB |
 *
 * Also, node:http2 takes an answer for complete if a RST_STREAM without an error cuts it short, and ends every answer at a GOAWAY with an
 * error. Node has no public interface for frames or HPACK alone; its `getPackedSettings` could replace eight lines here, but to load
 * node:http2 takes 1.4 MB. `test/transport/http2/beside-node.test.ts` compares both clients, and lists where they differ on purpose.
 */
export class Http2Pool {
  readonly #options: PoolOptions;
  /** The connections, each with the number of checks for which it has been idle. */
  readonly #connections = new Map<Http2Connection, number>();
  #speaksHttp2 = true;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get counts(): { readonly idle: number; readonly active: number } {
    const idle = [...this.#connections.keys()].filter(({ isIdle }) => isIdle).length;
    return { idle, active: this.#connections.size - idle };
  }

  /**
   * Returns a stream or a connection for one request. Returns a promise while a connection is being opened; it rejects with the error of
   * that connection.
   */
  acquire(): Lease | Promise<Lease> {
    if (!this.#speaksHttp2) return this.#options.plain();
    const connection = this.#withRoom() ?? this.#connect();
    return (connection.isReady ? connection.open() : undefined) ?? this.#acquireLater(connection);
  }

  async #acquireLater(connection: Http2Connection): Promise<Lease> {
    const stream = await connection.openLater();
    if (stream === 'h2') return this.#acquireAgain();
    if (stream === 'http/1.1') this.#speaksHttp2 = false;
    return typeof stream === 'string' ? this.#options.plain() : stream;
  }

  /**
   * For a request that got no stream on a connection that was just opened: tries one more connection. There is no third try. Otherwise an
   * API server that allows few streams per connection, or ends each connection at once, would get new connections forever.
   */
  async #acquireAgain(): Promise<Lease> {
    if (!this.#speaksHttp2) return this.#options.plain();
    const stream = await (this.#withRoom() ?? this.#connect()).openLater();
    return typeof stream === 'string' ? this.#options.plain() : stream;
  }

  #withRoom(): Http2Connection | undefined {
    for (const connection of this.#connections.keys()) if (connection.hasRoom) return connection;
    return undefined;
  }

  #connect(): Http2Connection {
    const connection = new Http2Connection(this.#options.dial, ended => {
      this.#connections.delete(ended);
      if (this.#connections.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#options.onEmpty();
    });
    this.#connections.set(connection, 0);
    this.#timer ??= setInterval(() => this.#check(), checkInterval).unref();
    return connection;
  }

  #check(): void {
    for (const [connection, idleChecks] of this.#connections) {
      const checks = connection.isIdle ? idleChecks + 1 : 0;
      this.#connections.set(connection, checks);
      if (checks > maxIdleChecks || (this.#closed && connection.isIdle)) connection.destroy();
      else connection.check();
    }
  }

  get isEmpty(): boolean {
    return this.#connections.size === 0;
  }

  /** Ends idle connections now, and the others after their last stream. */
  close(): void {
    this.#closed = true;
    for (const connection of [...this.#connections.keys()]) connection.close();
  }

  /** Ends every connection now. */
  destroy(): void {
    this.#closed = true;
    for (const connection of [...this.#connections.keys()]) connection.destroy();
  }
}
