import { type Credential, isSameClientCertificate } from '../credentials/credential.js';
import { hostOf } from '../kubeconfig/server-address.js';
import { impersonationHeaders } from '../kubernetes/impersonation.js';
import { createDial, lazySecureContext } from '../transport/dial/dial.js';
import { ConnectionPool } from '../transport/pool.js';
import { retryStale } from '../transport/retry-stale.js';
import { type Endpoint, haveSameConnections, type Session } from './endpoint.js';

/** How the connections of sessions are made and counted. */
export interface SessionOptions {
  /** TCP keep-alive period in milliseconds, 0 for none. */
  readonly keepAlive: number;
  /** Whether long-running requests may share HTTP/2 connections. */
  readonly http2: boolean;
  /** Called when the expiry of the client certificate for new connections changes. Undefined if there is no certificate. */
  readonly onCertificate: (notAfter: Date | undefined) => void;
  /** Called when a connection was opened, with the milliseconds for TCP (or for the tunnel through a proxy), and for TLS if it is used. */
  readonly onConnect: (connect: number, tls: number | undefined) => void;
}

/** Makes the sessions of one cluster, one after the other, and owns their connections. */
export class SessionMaker {
  readonly #options: SessionOptions;
  readonly #pools = new Set<ConnectionPool>();
  #current: Session | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Connections for plain requests, including those of former sessions that are still in use. */
  get connections(): { readonly idle: number; readonly active: number } {
    let idle = 0;
    let active = 0;
    for (const { counts } of this.#pools) {
      idle += counts.idle;
      active += counts.active;
    }
    return { idle, active };
  }

  /** The session of this endpoint and this credential: the last one, if it has both, otherwise a new one. */
  of(endpoint: Endpoint, credential: Credential): Session {
    const current = this.#current;
    if (current !== undefined && current.endpoint === endpoint && current.credential === credential)
      return current;
    const { config } = endpoint;
    this.#current = {
      endpoint,
      host: hostOf(config.server),
      serverPath: config.server.path,
      credential,
      impersonation: config.impersonation === undefined ? [] : impersonationHeaders(config.impersonation),
      ...this.#connectionsTo(endpoint, credential),
    };
    return this.#current;
  }

  /** Closes idle connections, and the others when their requests have ended. */
  close(): void {
    for (const pool of this.#pools) pool.close();
  }

  /** Ends every connection. */
  destroy(): void {
    for (const pool of this.#pools) pool.destroy();
  }

  /** The connections of the last session, if they can be used. Otherwise its idle ones are closed, and new ones are made. */
  #connectionsTo(
    endpoint: Endpoint,
    credential: Credential,
  ): Pick<Session, 'pool' | 'roundTripper' | 'dial'> {
    const before = this.#current;
    if (before !== undefined && needsSameConnections(before, endpoint, credential)) {
      const { pool, roundTripper, dial } = before;
      return { pool, roundTripper, dial };
    }
    before?.pool.close();
    this.#options.onCertificate(credential.clientCertificate?.notAfter);
    const { config, certificateAuthority } = endpoint;
    const options = {
      server: config.server,
      secureContext: lazySecureContext(certificateAuthority, credential),
      insecureSkipTlsVerify: config.insecureSkipTlsVerify,
      tlsServerName: config.tlsServerName,
      keepAlive: this.#options.keepAlive,
      proxy: endpoint.proxy,
      onConnect: this.#options.onConnect,
    };
    const dial = createDial(options);
    const sharesConnections = this.#options.http2 && config.server.protocol === 'https:';
    const pool = new ConnectionPool(
      dial,
      sharesConnections ? createDial({ ...options, protocols: ['h2', 'http/1.1'] }) : undefined,
    );
    this.#pools.add(pool);
    pool.whenEmpty(() => this.#pools.delete(pool));
    return { pool, roundTripper: retryStale(pool), dial };
  }
}

/** A new token uses the existing connections. A new certificate, authority or address needs new ones. */
function needsSameConnections(before: Session, endpoint: Endpoint, credential: Credential): boolean {
  return (
    haveSameConnections(before.endpoint, endpoint) && isSameClientCertificate(before.credential, credential)
  );
}
