import type { Socket } from 'node:net';
import type { DetailedPeerCertificate, Server, TLSSocket } from 'node:tls';
import type { ClientAuthorities } from './authorities.js';
import { Der, fieldTag, tags } from './der.js';

/** The client certificate of a connection, with the result of the handshake. */
export interface Peer {
  /** Linked to its issuers, as far as they are known. Undefined if OpenSSL rejects it. */
  readonly certificate: DetailedPeerCertificate | undefined;
  /** Why OpenSSL rejects it; undefined if its chain leads to one of `authorities`. */
  readonly problem: string | undefined;
  /** The authorities of the handshake. */
  readonly authorities: ClientAuthorities;
}

const peers = new WeakMap<Socket, Peer>();
/** The result of the verification in OpenSSL's form of a session (`SSL_SESSION_ASN1` in ssl/ssl_asn1.c). */
const verifyResult = fieldTag(5, 'constructed');

/**
 * Stores the client certificate and the result of each handshake. A later handshake on the same connection must not combine its certificate
 * with the result of this one. Of a chain that OpenSSL rejects, only the client's own certificate is read: anybody can send a long one.
 */
export function keepPeers(server: Server, authorities: ClientAuthorities): void {
  const begun = new WeakSet<TLSSocket>();
  const chains = new WeakMap<TLSSocket, DetailedPeerCertificate>();
  // Node 24.21 and 26.8 remove the issuers from an accepted chain before `secureConnection` (nodejs/node#65579). `keylog` is the only
  // earlier event that carries the socket.
  server.on('keylog', (_line: Buffer, socket: TLSSocket) => {
    if (begun.has(socket)) return;
    begun.add(socket);
    socket.prependOnceListener('secure', () => {
      if (!isRejected(socket.getSession())) chains.set(socket, socket.getPeerCertificate(true));
    });
  });
  server.on('secureConnection', socket => {
    const { authorized, authorizationError } = socket;
    // It also clears OpenSSL's errors of the rejection. Otherwise, Node takes them for errors of a TLS 1.2 connection, and ends it.
    const certificate = authorized ? chains.get(socket) : socket.getPeerCertificate();
    // Without a certificate Node returns an empty object, although the type does not say so.
    if (certificate?.raw === undefined) return;
    const problem = authorized ? undefined : String(authorizationError);
    peers.set(socket, { certificate: chains.get(socket), problem, authorities });
  });
}

/** The client certificate of a connection; undefined if there is none. */
export function peerOf(socket: Socket): Peer | undefined {
  return peers.get(socket);
}

/** Whether OpenSSL rejects the client certificate of this session. It writes a result only if that is not X509_V_OK. */
function isRejected(session: Buffer | undefined): boolean {
  if (session === undefined) return true;
  const fields = new Der(session).inside(tags.sequence);
  while (!fields.isAtEnd) if (fields.any().tag === verifyResult) return true;
  return false;
}
