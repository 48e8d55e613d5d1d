import { type Credential, isSameClientCertificate, isSameCredential } from '../credentials/credential.js';
import type { CredentialSource } from '../credentials/credential-source.js';
import { hostOf } from '../kubeconfig/server-address.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import { impersonationHeaders } from '../kubernetes/impersonation.js';
import { createDial, type Dial } from '../transport/dial/dial.js';
import type { ProxyConfig } from '../transport/dial/proxy-url.js';
import { createSecureContext } from '../transport/dial/tls.js';
import { ConnectionPool } from '../transport/pool.js';
import { renewOn401, type SessionRequest } from '../transport/renew-on-401.js';
import { retryStale } from '../transport/retry-stale.js';
import type { RoundTripper } from '../transport/round-trip.js';

/** One API server and one way to authenticate to it, until the configuration changes. */
export interface Endpoint {
  readonly config: ClientConfig;
  /** PEM of the trusted authorities; undefined means the well-known ones. */
  readonly certificateAuthority: Buffer | undefined;
  readonly source: CredentialSource;
  /** The proxy in between, if any. */
  readonly proxy: ProxyConfig | undefined;
}

/** What one request goes upstream with: a picture of the moment, which the request keeps to its end. */
export interface Session {
  /** The endpoint that it was made from. A request that was judged for another one is judged again before it is sent. */
  readonly endpoint: Endpoint;
  /** Value of the Host header, and the name used in messages. */
  readonly host: string;
  /** Path of the kubeconfig's server URL, without a trailing slash; empty when it has none. */
  readonly serverPath: string;
  readonly credential: Credential;
  /** Flat list of Impersonate-* fields; empty unless impersonation is configured. */
  readonly impersonation: readonly string[];
  readonly pool: ConnectionPool;
  /** Sends a request over the pool, once more if a connection has gone stale. */
  readonly roundTripper: RoundTripper;
  readonly dial: Dial;
}

/** What stays the same whatever is reloaded. */
export interface ClusterOptions {
  /** TCP keep-alive period in milliseconds, 0 for none. */
  readonly keepAlive: number;
  /** Whether long-running requests may share connections of HTTP/2. */
  readonly http2: boolean;
  /** When the client certificate that new connections present expires; called when that changes. */
  readonly onCertificate: (notAfter: Date | undefined) => void;
  /** A connection was opened: milliseconds of TCP (or of the tunnel through a proxy), and of TLS if there is any. */
  readonly onConnect: (connect: number, tls: number | undefined) => void;
  /** Milliseconds from sending a client's request to the head of its response. */
  readonly onFirstByte: (milliseconds: number) => void;
}

/** A session and what it was made from. */
interface Made {
  readonly endpoint: Endpoint;
  readonly session: Session;
}

/**
 * The API server as both legs see it. Sessions change when credentials or the configuration do: new requests take the new
 * one, open ones end on theirs, and idle connections of the old one are closed.
 */
export class Cluster {
  /** Sends clients' requests. */
  readonly roundTripper: RoundTripper<SessionRequest<Session>>;
  readonly #options: ClusterOptions;
  #endpoint: Endpoint;
  #made: Made | undefined;
  readonly #pools = new Set<ConnectionPool>();

  constructor(endpoint: Endpoint, options: ClusterOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.roundTripper = renewOn401({ sessions: this, onFirstByte: options.onFirstByte });
    this.#takeUp();
  }

  /** What new requests go to now. */
  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** Name of the API server in messages, as in its URL. */
  get host(): string {
    return hostOf(this.#endpoint.config.server);
  }

  /** Connections for plain requests, those of former sessions that are still in use among them. */
  get connections(): { readonly idle: number; readonly active: number } {
    let idle = 0;
    let active = 0;
    for (const { counts } of this.#pools) {
      idle += counts.idle;
      active += counts.active;
    }
    return { idle, active };
  }

  /**
   * What to send a request with now. A promise only while there is no credential, which rejects with a CredentialError;
   * who waits while the endpoint is replaced gets what the new one has.
   */
  session(): Session | Promise<Session> {
    const endpoint = this.#endpoint;
    const credential = endpoint.source.get();
    if (!(credential instanceof Promise)) return this.#sessionOf(endpoint, credential);
    return credential.then(
      late => (endpoint === this.#endpoint ? this.#sessionOf(endpoint, late) : this.session()),
      (error: unknown) => {
        // The source that was waited for has been replaced, and closed.
        if (endpoint !== this.#endpoint) return this.session();
        throw error;
      },
    );
  }

  /**
   * The API server answered 401 to a request of this session. Resolves to a session with another credential, or to undefined when
   * there is none to try. Never rejects.
   */
  async refused(session: Session): Promise<Session | undefined> {
    try {
      await this.#endpoint.source.refused(session.credential);
      const next = await this.session();
      return isSameCredential(next.credential, session.credential) ? undefined : next;
    } catch {
      return undefined;
    }
  }

  /** From now on new requests go to this endpoint. */
  replace(endpoint: Endpoint): void {
    const before = this.#endpoint;
    this.#endpoint = endpoint;
    if (before.source !== endpoint.source) before.source.close();
    this.#takeUp();
  }

  /** Makes the session before the first request wants it, where there is a credential already. */
  #takeUp(): void {
    const session = this.session();
    if (session instanceof Promise) session.catch(() => {});
  }

  /** Ends every connection and the credential source's work. */
  destroy(): void {
    this.#endpoint.source.close();
    for (const pool of this.#pools) pool.destroy();
  }

  #sessionOf(endpoint: Endpoint, credential: Credential): Session {
    const made = this.#made;
    if (made !== undefined && made.endpoint === endpoint && made.session.credential === credential) {
      return made.session;
    }
    const session = this.#createSession(endpoint, credential, made);
    this.#made = { endpoint, session };
    return session;
  }

  #createSession(endpoint: Endpoint, credential: Credential, before: Made | undefined): Session {
    const { config, certificateAuthority } = endpoint;
    const identity = {
      endpoint,
      host: hostOf(config.server),
      serverPath: config.server.path,
      credential,
      impersonation: config.impersonation === undefined ? [] : impersonationHeaders(config.impersonation),
    };
    if (before !== undefined && needsSameConnections(before, endpoint, credential)) {
      const { pool, roundTripper, dial } = before.session;
      return { ...identity, pool, roundTripper, dial };
    }
    before?.session.pool.close();
    this.#options.onCertificate(credential.clientCertificate?.notAfter);
    const options = {
      server: config.server,
      secureContext: createSecureContext(certificateAuthority, credential),
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
    return { ...identity, pool, roundTripper: retryStale(pool), dial };
  }
}

/** Whether both are the same API server, reached in the same way. Then a path, and an answer about a caller, mean the same at both. */
export function isSameServer(one: Endpoint, other: Endpoint): boolean {
  if (one === other) return true;
  return (
    connectionKey(one) === connectionKey(other) &&
    one.config.server.path === other.config.server.path &&
    isSamePem(one.certificateAuthority, other.certificateAuthority)
  );
}

/** A new token goes over the connections that are there; a new certificate, authority or address needs new ones. */
function needsSameConnections(before: Made, endpoint: Endpoint, credential: Credential): boolean {
  const old = before.endpoint;
  return (
    connectionKey(old) === connectionKey(endpoint) &&
    isSamePem(old.certificateAuthority, endpoint.certificateAuthority) &&
    isSameClientCertificate(before.session.credential, credential)
  );
}

function connectionKey({ config, proxy }: Endpoint): string {
  const { server, insecureSkipTlsVerify, tlsServerName } = config;
  const { protocol, hostname, port } = server;
  return JSON.stringify([protocol, hostname, port, insecureSkipTlsVerify, tlsServerName, proxy]);
}

function isSamePem(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && one.equals(other));
}
