import type { Socket } from 'node:net';
import { Client } from 'undici';
import { hostOf } from '../kubeconfig/server-address.js';
import type { ServerAddress } from '../kubeconfig/types.js';
import type { Dial } from './dial.js';

/** Under the 60 s of common load balancers and the 90 s of the API server, so that they seldom close first. */
const idleTimeout = 55_000;
/** Response headers of the API server's own limit for requests (net/http's DefaultMaxHeaderBytes). */
const maxHeaderSize = 1 << 20;
/** Idle connections kept: a burst's worth of handshakes is not paid twice, and no more is held open. */
const maxIdle = 128;

/** One HTTP/1.1 connection to the API server, carrying one request at a time. */
export class UpstreamConnection {
  readonly client: Client;
  /** Whether the socket has carried an exchange before: only then can it have gone stale unnoticed. */
  reused = false;
  #dialled: { destroy(): void } | undefined;
  #socket: Socket | null = null;

  constructor(
    origin: string,
    dial: Dial,
    readonly dispatcher: UpstreamDispatcher,
  ) {
    this.client = new Client(origin, {
      pipelining: 1,
      // Watches and logs are quiet for as long as they like; --request-timeout is for those who want a limit.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: idleTimeout,
      maxHeaderSize,
      connect: (_options, callback) => {
        this.reused = false;
        this.#dialled = dial((error, socket) => {
          this.#socket = socket;
          if (socket === null) callback(error as Error, null);
          else callback(null, socket);
        });
      },
    });
    this.client.on('disconnect', () => dispatcher.forget(this));
  }

  /** Whether the connection was reset, as against ended: what it carried until its end may not be whole. */
  get broken(): boolean {
    return this.#socket?.errored != null;
  }

  /** Ends it now, also while it is being dialled. */
  destroy(): void {
    void this.client.destroy();
    this.#dialled?.destroy();
  }
}

/**
 * Hands out connections: the one used last first, a new one when all are busy. There is no upper limit and no queue, so
 * that any number of watches leaves room for a plain request, as net/http's Transport does it.
 */
export class UpstreamDispatcher {
  readonly #origin: string;
  readonly #dial: Dial;
  readonly #idle: UpstreamConnection[] = [];
  readonly #open = new Set<UpstreamConnection>();
  #closed = false;
  #onEmpty: () => void = () => {};

  constructor(server: ServerAddress, dial: Dial) {
    this.#origin = `${server.protocol}//${hostOf(server)}`;
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
    const connection = new UpstreamConnection(this.#origin, this.#dial, this);
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
    this.#idle.push(connection);
  }

  /** Ends a connection whose exchange is not complete, or that is not wanted any more. */
  discard(connection: UpstreamConnection): void {
    this.#open.delete(connection);
    connection.destroy();
    if (this.#closed && this.#open.size === 0) this.#onEmpty();
  }

  /** Calls once it is closed and its last connection has ended. */
  whenEmpty(callback: () => void): void {
    this.#onEmpty = callback;
  }

  /** Drops a connection that the API server closed; one that is in use reports to its exchange instead. */
  forget(connection: UpstreamConnection): void {
    const index = this.#idle.lastIndexOf(connection);
    if (index === -1) return;
    this.#idle.splice(index, 1);
    this.discard(connection);
  }

  /** Ends idle connections now and those in use when their exchange ends. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) this.discard(connection);
    if (this.#open.size === 0) this.#onEmpty();
  }

  /** Ends every connection now, in use or not. */
  destroy(): void {
    this.close();
    for (const connection of this.#open) this.discard(connection);
  }
}
