import type { Socket } from 'node:net';
import type { DetailedPeerCertificate, Server, TLSSocket } from 'node:tls';
import type { ClientAuthorities } from './authorities.js';

/** The client certificate of a connection, with the result of the handshake. */
export interface Peer {
  /** Linked to its issuers, as far as they are known. */
  readonly certificate: DetailedPeerCertificate;
  /** Why OpenSSL rejects it; undefined if its chain leads to one of `authorities`. */
  readonly problem: string | undefined;
  /** The authorities of the handshake. */
  readonly authorities: ClientAuthorities;
}

const peers = new WeakMap<Socket, Peer>();
/** What Node returns if there is no certificate, although the type does not say so. */
const none = {} as DetailedPeerCertificate;

/**
 * Stores the client certificate and the result of each handshake. A later handshake on the same connection must not combine its certificate
 * with the result of this one.
 */
export function keepPeers(server: Server, authorities: ClientAuthorities): void {
  const certificates = new WeakMap<TLSSocket, DetailedPeerCertificate>();
  // Node 24.21 and 26.8 remove the first issuer from the chain while they verify it (nodejs/node#65579). `keylog` is the only earlier
  // event that carries the socket.
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

/** The client certificate of a connection; undefined if there is none. */
export function peerOf(socket: Socket): Peer | undefined {
  return peers.get(socket);
}
