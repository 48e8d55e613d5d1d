import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** OpenSSL's errors for the first bytes of a request in plain HTTP. */
const plainHttp: ReadonlySet<unknown> = new Set(['ERR_SSL_HTTP_REQUEST', 'ERR_SSL_HTTPS_PROXY_REQUEST']);

/** The answer of Go's net/http, which clients and people know. It has no other header fields there either. */
const answer = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';

/** Milliseconds that a client which still sends has to read its answer. */
const lingerTime = 500;

/** The connections of a TLS listener whose handshake is not done. */
export class Handshakes {
  /** The sockets below TLS, by the client's address: TLS keeps them for itself. */
  readonly #sockets = new Map<string, Socket>();

  begin(socket: Socket): void {
    const key = keyOf(socket);
    this.#sockets.set(key, socket);
    socket.once('close', () => {
      if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
    });
  }

  succeeded(secured: TLSSocket): void {
    this.#sockets.delete(keyOf(secured));
  }

  /** Closes the connection. A client that speaks plain HTTP gets an answer that says what is wrong. */
  failed(error: Error & { readonly code?: string }, secured: TLSSocket): void {
    const socket = plainHttp.has(error.code) ? this.#sockets.get(keyOf(secured)) : undefined;
    if (socket === undefined) {
      secured.destroy();
      return;
    }
    socket.end(answer);
    const timer = setTimeout(() => secured.destroy(), lingerTime);
    secured.once('close', () => clearTimeout(timer));
  }
}

/** No two open connections to one port have the same. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
