import type { Socket } from 'node:net';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { ClientAuthorities } from './client-authorities.js';

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

/** Keeps what a handshake has found out, at once: a later one on the same connection must not lend its certificate to this one's verdict. */
export function keepPeer(socket: TLSSocket, authorities: ClientAuthorities): void {
  const certificate = socket.getPeerCertificate(true);
  // Without one it is an empty object, in spite of its type.
  if (certificate.raw === undefined) return;
  const { authorized, authorizationError } = socket;
  const problem = authorized ? undefined : String(authorizationError);
  peers.set(socket, { certificate, problem, authorities });
}

/** The client certificate of a connection; undefined when it has none. */
export function peerOf(socket: Socket): Peer | undefined {
  return peers.get(socket);
}
