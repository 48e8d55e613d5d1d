import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import http2, { type ServerHttp2Session } from 'node:http2';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** The receivers of a listener's requests. */
export interface ListenerHandlers {
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Accepts TLS connections on 127.0.0.1, keeps track of them, and can be stopped and started again. */
export class Listener {
  /** TCP connections accepted since the first start, failed TLS handshakes included. */
  accepted = 0;
  readonly #handlers: ListenerHandlers;
  readonly #sockets = new Set<Socket>();
  readonly #upgraded = new Set<Duplex>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: Server | undefined;

  constructor(handlers: ListenerHandlers) {
    this.#handlers = handlers;
  }

  /** TCP connections open now, upgraded ones included. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens on the port, or on a free one for 0, and returns the port. */
  async listen(port: number, options: ServerOptions): Promise<number> {
    const server = createServer({
      ALPNProtocols: ['h2', 'http/1.1'],
      ...options,
      allowHalfOpen: true,
      requestTimeout: 0,
      headersTimeout: 0,
      // As net/http.
      maxHeaderSize: 1 << 20,
      noDelay: true,
      keepAliveTimeout: 90_000,
    });
    server.on('connection', (socket: Socket) => this.#track(socket));
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      else socket.destroy();
    });
    server.on('request', this.#handlers.request);
    this.#serveHttp2(server);
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

  /** Moves connections that speak HTTP/2 from the HTTP/1.1 server to the HTTP/2 server. */
  #serveHttp2(server: Server): void {
    const streams = http2.createServer({ settings: { maxConcurrentStreams: 100 } });
    streams.on('request', (request, response) => {
      const fields = plainFields(request.rawHeaders);
      const headers: Record<string, unknown> = { ...request.headers, host: request.authority };
      Object.defineProperties(request, { rawHeaders: { value: fields }, headers: { value: headers } });
      this.#handlers.request(request as unknown as IncomingMessage, response as unknown as ServerResponse);
    });
    streams.on('session', session => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
    });
    const [serveHttp1] = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
    server.removeAllListeners('secureConnection');
    server.on('secureConnection', (socket: TLSSocket) => {
      // A session of HTTP/2 that has ended no longer listens to its socket.
      socket.on('error', () => socket.destroy());
      if (socket.alpnProtocol !== 'h2') {
        serveHttp1?.call(server, socket);
        return;
      }
      // HTTP/2 has no half-closed connections: the end of a connection is the end of its streams.
      socket.once('end', () => socket.destroySoon());
      streams.emit('connection', socket);
    });
  }

  /** Stops listening, cuts upgraded connections, and waits until the others have ended their requests. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server?.listening) return;
    const closed = once(server, 'close');
    server.close();
    this.goAway();
    for (const socket of this.#upgraded) socket.destroy();
    // A connection that is still sending its last answer becomes idle only later.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    await closed;
    clearInterval(idle);
  }

  /** Stops listening and cuts every connection immediately. */
  async kill(): Promise<void> {
    const closed = this.#server?.listening ? once(this.#server, 'close') : undefined;
    if (closed) this.#server?.close();
    this.cut();
    await closed;
  }

  /** Cuts every connection immediately, and continues to listen. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Sends GOAWAY to each HTTP/2 connection: its streams continue, and new requests must use another connection. */
  goAway(): void {
    for (const session of this.#sessions) session.close();
  }

  #track(socket: Socket): void {
    this.accepted += 1;
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

/** A request's header fields in the form of HTTP/1.1. */
function plainFields(rawHeaders: readonly string[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    if (name === ':authority') fields.push('host', value);
    else if (!name.startsWith(':')) fields.push(name, value);
  }
  return fields;
}
