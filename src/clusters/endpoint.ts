import type { CredentialSource } from '../credentials/credential.js';
import { hostOf } from '../kubeconfig/server-address.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import { impersonationOf } from '../kubernetes/impersonation.js';
import { digest } from '../lib/json.js';
import type { EndpointIdentity, OutboundRule } from '../transport/access.js';
import type { RefuseAddress } from '../transport/dial/name-lookup.js';
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
  /** Judges the addresses of a server that others have named; undefined for one of the kubeconfig. */
  readonly refuseAddress?: RefuseAddress;
  /** What may be sent there; undefined if everything may. */
  readonly outbound?: OutboundRule | undefined;
  /** `identityOf` the other properties. */
  readonly identity: EndpointIdentity;
}

/** What two endpoints are compared by. If `server` is equal, a path, and an answer about a caller, mean the same at both. */
export function identityOf({
  config,
  certificateAuthority,
  proxy,
  context,
}: Omit<Endpoint, 'source' | 'identity' | 'refuseAddress'>): EndpointIdentity {
  const { server, insecureSkipTlsVerify, tlsServerName, impersonation } = config;
  const { protocol, hostname, port, path } = server;
  const address = [protocol, hostname, port, insecureSkipTlsVerify, tlsServerName, proxy];
  const connections = digest([address, certificateAuthority?.toString('latin1')]);
  return {
    connections,
    server: connections + path,
    impersonation: impersonation === undefined ? '' : digest(impersonationOf(impersonation)),
    context,
  };
}

/** The origin of pages that the API server itself would serve (RFC 6454, section 6.2). */
export function originOf({ config: { server } }: Endpoint): string {
  return `${server.protocol}//${hostOf(server)}`;
}
