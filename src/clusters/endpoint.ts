import type { Credential } from '../credentials/credential.js';
import type { CredentialSource } from '../credentials/credential-source.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import type { Dial } from '../transport/dial/dial.js';
import type { ProxyConfig } from '../transport/dial/proxy-url.js';
import type { ConnectionPool } from '../transport/pool.js';
import type { RoundTripper } from '../transport/round-trip.js';

/** One API server, and one way to authenticate to it. An endpoint never changes: another configuration is another endpoint. */
export interface Endpoint {
  /** Name of the kubeconfig's context; empty if only flags define the API server. */
  readonly context: string;
  readonly config: ClientConfig;
  /** PEM of the trusted authorities; undefined means the well-known ones. */
  readonly certificateAuthority: Buffer | undefined;
  readonly source: CredentialSource;
  /** The proxy server between this program and the API server, if any. */
  readonly proxy: ProxyConfig | undefined;
}

/** What a request needs to reach the API server. A request keeps its session to its end, even if the configuration changes meanwhile. */
export interface Session {
  /**
   * The endpoint that the session was created from. If a request was checked for another endpoint, it is checked again before it is sent.
   */
  readonly endpoint: Endpoint;
  /** The value of the Host header, and the name in messages. */
  readonly host: string;
  /** Path of the kubeconfig's server URL, without a trailing slash; empty if it has none. */
  readonly serverPath: string;
  readonly credential: Credential;
  /** Flat list of Impersonate-* fields; empty if no impersonation is configured. */
  readonly impersonation: readonly string[];
  readonly pool: ConnectionPool;
  /** Sends a request over the pool, and once more if the connection was stale. */
  readonly roundTripper: RoundTripper;
  readonly dial: Dial;
}

/** Whether both are the same API server, reached in the same way. If so, a path, and an answer about a caller, mean the same at both. */
export function isSameServer(one: Endpoint, other: Endpoint): boolean {
  return (
    one === other || (haveSameConnections(one, other) && one.config.server.path === other.config.server.path)
  );
}

/** A key that is equal for two endpoints with the same API server. */
export function serverKey(endpoint: Endpoint): string {
  const { config, certificateAuthority } = endpoint;
  return JSON.stringify([
    connectionKey(endpoint),
    certificateAuthority?.toString('latin1'),
    config.server.path,
  ]);
}

/** Whether a connection to one can be used for the other too, apart from client certificates. */
export function haveSameConnections(one: Endpoint, other: Endpoint): boolean {
  return (
    connectionKey(one) === connectionKey(other) &&
    isSamePem(one.certificateAuthority, other.certificateAuthority)
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
