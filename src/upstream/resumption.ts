import type { TLSSocket } from 'node:tls';

/** A session, and until when the server's certificates hold by which it was verified: milliseconds since 1970. */
interface Session {
  readonly ticket: Buffer;
  readonly validUntil: number;
}

/**
 * The TLS session by which the next connection to a server is cheaper. A server that resumes one shows no certificate: none is resumed that
 * was not verified, nor after one of the certificates has expired, at which a new handshake would fail.
 */
export class Resumption {
  readonly #now: () => number;
  #session: Session | undefined;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** What to begin a connection with, if there is anything. */
  get ticket(): Buffer | undefined {
    const session = this.#session;
    if (session !== undefined && this.#now() >= session.validUntil) this.#session = undefined;
    return this.#session?.ticket;
  }

  /** Keeps the sessions that the server gives on a connection which began with `ticket`; `verifies` says whether its certificate must be good. */
  follow(socket: TLSSocket, verifies: boolean): void {
    const before = this.#session?.validUntil ?? 0;
    let validUntil: number | undefined = verifies ? undefined : Number.POSITIVE_INFINITY;
    const learn = () => {
      validUntil ??= socket.isSessionReused() ? before : expiryOf(socket);
      return validUntil;
    };
    // A session can come when the socket is closed already, and has no certificate any more.
    socket.once('secureConnect', learn).on('session', ticket => {
      if (socket.authorized || !verifies) this.#session = { ticket, validUntil: learn() };
    });
  }
}

/** When the first certificate of the server's chain expires. */
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
