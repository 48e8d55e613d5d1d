import type { TLSSocket } from 'node:tls';

/** A TLS session, and when the certificates that verified its server expire (milliseconds since 1970). */
interface Session {
  readonly ticket: Buffer;
  readonly validUntil: number;
}

/**
 * Keeps the TLS session that makes the next connection to a server cheaper. On a resumed session the server presents no certificate. So a
 * session is resumed only if its server was verified, and only until one of the certificates expires: then a new handshake would fail.
 */
export class Resumption {
  #session: Session | undefined;

  /** The session ticket for a new connection, if there is one. */
  get ticket(): Buffer | undefined {
    const session = this.#session;
    if (session !== undefined && Date.now() >= session.validUntil) this.#session = undefined;
    return this.#session?.ticket;
  }

  /**
   * Keeps the sessions that the server sends on a connection that began with `ticket`. `verifies` says whether the server's certificate
   * must be valid.
   */
  follow(socket: TLSSocket, verifies: boolean): void {
    const before = this.#session?.validUntil ?? 0;
    let validUntil: number | undefined = verifies ? undefined : Number.POSITIVE_INFINITY;
    const learn = () => {
      validUntil ??= socket.isSessionReused() ? before : expiryOf(socket);
      return validUntil;
    };
    // A session can come after the socket has closed; then the socket no longer has a certificate.
    socket.once('secureConnect', learn).on('session', ticket => {
      if (socket.authorized || !verifies) this.#session = { ticket, validUntil: learn() };
    });
  }
}

/** When the first certificate in the server's chain expires. */
function expiryOf(socket: TLSSocket): number {
  const chain = new Set<object>();
  let expiry = Number.POSITIVE_INFINITY;
  for (let next = socket.getPeerCertificate(true); next?.raw !== undefined && !chain.has(next); ) {
    chain.add(next);
    expiry = Math.min(expiry, Date.parse(next.valid_to));
    next = next.issuerCertificate;
  }
  return expiry;
}
