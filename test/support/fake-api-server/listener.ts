import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Where a listener hands what arrives. */
export interface ListenerHandlers {
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Accepts TLS connections on 127.0.0.1, knows each of them, and can be stopped and started again. */
export class Listener {
  /** TCP connections accepted since the first start, failed TLS handshakes included. */
  accepted = 0;
  /** TLS handshakes that failed on this side, oldest first. */
  readonly tlsErrors: Error[] = [];
  readonly #handlers: ListenerHandlers;
  readonly #sockets = new Set<Socket>();
  readonly #upgraded = new Set<Duplex>();
  #server: Server | undefined;

  constructor(handlers: ListenerHandlers) {
    this.#handlers = handlers;
  }

  /** TCP connections open now, upgraded ones included. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens on the port, or on a free one for 0, and gives the port. */
  async listen(port: number, options: ServerOptions): Promise<number> {
    const server = createServer({
      ...options,
      allowHalfOpen: true,
      requestTimeout: 0,
      headersTimeout: 0,
      maxHeaderSize: 64 * 1024,
      noDelay: true,
    });
    server.on('connection', (socket: Socket) => this.#track(socket));
    server.on('tlsClientError', (error, socket) => {
      this.tlsErrors.push(error);
      socket.destroy();
    });
    server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      else socket.destroy();
    });
    server.on('request', this.#handlers.request);
    server.on('upgrade', (request, socket, head) => {
      this.#upgraded.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#upgraded.delete(socket));
      this.#handlers.upgrade(request, socket, head);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  /** Closes connections that wait for a next request. */
  closeIdleConnections(): void {
    this.#server?.closeIdleConnections();
  }

  /** Stops listening, cuts upgraded connections, and waits until the others have ended their requests. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server?.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#upgraded) socket.destroy();
    // A connection whose last answer is on its way now becomes idle only later.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    await closed;
    clearInterval(idle);
  }

  /** Stops listening and cuts every connection where it stands. */
  async kill(): Promise<void> {
    const closed = this.#server?.listening ? once(this.#server, 'close') : undefined;
    if (closed) this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #track(socket: Socket): void {
    this.accepted += 1;
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
