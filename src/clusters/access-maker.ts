import { type Credential, isSameClientCertificate } from '../credentials/credential.js';
import { hostOf } from '../kubeconfig/server-address.js';
import { impersonationOf } from '../kubernetes/impersonation.js';
import { type Access, ReplacedError } from '../transport/access.js';
import { ConnectionPool } from '../transport/connection-pool.js';
import { createDial, lazySecureContext } from '../transport/dial/dial.js';
import type { Endpoint } from './endpoint.js';

/** How the connections of a cluster are made and counted. */
export interface ConnectionOptions {
  /** TCP keep-alive period in milliseconds, 0 for none. */
  readonly keepAlive: number;
  /** Whether long-running requests may share HTTP/2 connections. */
  readonly http2: boolean;
  /** Called when the expiry of the client certificate for new connections changes. Undefined if there is no certificate. */
  readonly onCertificate: (notAfter: Date | undefined) => void;
  /** Called when a connection was opened, with the milliseconds for TCP (or for the tunnel through a proxy), and for TLS if it is used. */
  readonly onConnect: (connect: number, tls: number | undefined) => void;
}

/** An access, and what it was made from. */
interface Made {
  readonly endpoint: Endpoint;
  readonly access: Access;
  readonly pool: ConnectionPool;
}

/** Makes the accesses of one cluster, one after the other, and owns their connections. */
export class AccessMaker {
  readonly #options: ConnectionOptions;
  readonly #pools = new Set<ConnectionPool>();
  #current: Made | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Connections for plain requests, including those of former accesses that are still in use. */
  get connections(): { readonly idle: number; readonly active: number } {
    let idle = 0;
    let active = 0;
    for (const { counts } of this.#pools) {
      idle += counts.idle;
      active += counts.active;
    }
    return { idle, active };
  }

  /** The access for this endpoint and this credential: the last one, if it has both, otherwise a new one. */
  of(endpoint: Endpoint, credential: Credential): Access {
    const current = this.#current;
    if (current?.endpoint === endpoint && current.access.credential === credential) return current.access;
    const { server, impersonation } = endpoint.config;
    const pool = this.#poolFor(endpoint, credential);
    const access = {
      endpoint: endpoint.identity,
      host: hostOf(server),
      serverPath: server.path,
      credential,
      outbound: endpoint.outbound,
      impersonation: impersonation === undefined ? [] : impersonationOf(impersonation),
      pool,
    };
    this.#current = { endpoint, access, pool };
    return access;
  }

  /** Closes idle connections, and the others when their requests have ended. */
  close(): void {
    for (const pool of this.#pools) pool.close();
  }

  /** Ends every connection. */
  destroy(): void {
    for (const pool of this.#pools) pool.destroy();
  }

  /**
   * The connections of the last access, if they can be used. Otherwise its idle ones are closed, and new ones are made. What waits for a
   * connection to another server than this one waits no longer.
   */
  #poolFor(endpoint: Endpoint, credential: Credential): ConnectionPool {
    const before = this.#current;
    if (before !== undefined && needsSameConnections(before.access, endpoint, credential)) return before.pool;
    before?.pool.close();
    if (before !== undefined && !isSameServer(before.access, endpoint))
      before.pool.giveUp(new ReplacedError());
    this.#options.onCertificate(credential.clientCertificate?.notAfter);
    const { config, certificateAuthority } = endpoint;
    const options = {
      server: config.server,
      secureContext: lazySecureContext(certificateAuthority, credential),
      insecureSkipTlsVerify: config.insecureSkipTlsVerify,
      tlsServerName: config.tlsServerName,
      keepAlive: this.#options.keepAlive,
      proxy: endpoint.proxy,
      refuseAddress: endpoint.refuseAddress,
      onConnect: this.#options.onConnect,
    };
    const sharesConnections = this.#options.http2 && config.server.protocol === 'https:';
    const pool = new ConnectionPool(
      createDial(options),
      sharesConnections ? createDial({ ...options, protocols: ['h2', 'http/1.1'] }) : undefined,
    );
    this.#pools.add(pool);
    pool.whenEmpty(() => this.#pools.delete(pool));
    return pool;
  }
}

/** A new token uses the existing connections. A new certificate, authority or address needs new ones. */
function needsSameConnections(before: Access, endpoint: Endpoint, credential: Credential): boolean {
  return isSameServer(before, endpoint) && isSameClientCertificate(before.credential, credential);
}

function isSameServer(before: Access, { identity }: Endpoint): boolean {
  return before.endpoint.connections === identity.connections;
}
