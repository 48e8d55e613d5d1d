import type { Socket } from 'node:net';
import type { DetailedPeerCertificate, Server, TLSSocket } from 'node:tls';
import type { ClientAuthorities } from './authorities.js';

/** The client certificate of a connection as its handshake left it. */
export interface Peer {
  /** With its issuers, as far as they are known. */
  readonly certificate: DetailedPeerCertificate;
  /** What OpenSSL found wrong with it; undefined when it leads to one of `authorities`. */
  readonly problem: string | undefined;
  /** Against whom it was verified. */
  readonly authorities: ClientAuthorities;
}

const peers = new WeakMap<Socket, Peer>();
/** What Node returns where there is no certificate, in spite of its type. */
const none = {} as DetailedPeerCertificate;

/**
 * Keeps what each handshake says about its client, at once. A later handshake on the same connection must not combine its certificate with
 * the verdict of this one.
 */
export function keepPeers(server: Server, authorities: ClientAuthorities): void {
  const certificates = new WeakMap<TLSSocket, DetailedPeerCertificate>();
  // Node 24.21 and 26.8 take the first issuer off the chain when they verify it (nodejs/node#65579). `keylog` is the only event before
  // that which brings the socket.
  server.on('keylog', (_line: Buffer, socket: TLSSocket) => {
    if (certificates.has(socket)) return;
    certificates.set(socket, none);
    socket.prependOnceListener('secure', () => certificates.set(socket, socket.getPeerCertificate(true)));
  });
  server.on('secureConnection', socket => {
    const certificate = certificates.get(socket);
    if (certificate?.raw === undefined) return;
    const { authorized, authorizationError } = socket;
    const problem = authorized ? undefined : String(authorizationError);
    peers.set(socket, { certificate, problem, authorities });
  });
}

/** The client certificate of a connection; undefined when it has none. */
export function peerOf(socket: Socket): Peer | undefined {
  return peers.get(socket);
}
