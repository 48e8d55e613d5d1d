import type { CredentialSource } from '../credentials/credential-source.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import { impersonationHeaders } from '../kubernetes/impersonation.js';
import { digest } from '../lib/digest.js';
import type { EndpointIdentity } from '../transport/access.js';
import type { ProxyConfig } from '../transport/dial/proxy-url.js';

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
  /** `identityOf` the other properties. */
  readonly identity: EndpointIdentity;
}

/** What the guards judge a request for. At the same server, a path, and an answer about a caller, mean the same. */
export function identityOf(endpoint: Omit<Endpoint, 'source' | 'identity'>): EndpointIdentity {
  const { config, certificateAuthority, context } = endpoint;
  const { impersonation } = config;
  return {
    server: digest([connectionKey(endpoint), certificateAuthority?.toString('latin1'), config.server.path]),
    impersonation: impersonation === undefined ? '' : digest(impersonationHeaders(impersonation)),
    context,
  };
}

/** Whether a connection to one can be used for the other too, apart from client certificates. */
export function haveSameConnections(one: Endpoint, other: Endpoint): boolean {
  return (
    connectionKey(one) === connectionKey(other) &&
    isSamePem(one.certificateAuthority, other.certificateAuthority)
  );
}

function connectionKey({ config, proxy }: Pick<Endpoint, 'config' | 'proxy'>): string {
  const { server, insecureSkipTlsVerify, tlsServerName } = config;
  const { protocol, hostname, port } = server;
  return JSON.stringify([protocol, hostname, port, insecureSkipTlsVerify, tlsServerName, proxy]);
}

function isSamePem(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && one.equals(other));
}
