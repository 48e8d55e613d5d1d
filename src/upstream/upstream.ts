import type { Credential } from '../credentials/credential.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import { createDial, type Dial } from './dial.js';
import { hostOf, UpstreamDispatcher } from './dispatcher.js';
import { createSecureContext } from './tls.js';

/** The API server as both legs see it: where to send a request, over what, as whom. */
export interface Upstream {
  /** Value of the Host header, and the name used in messages. */
  readonly host: string;
  /** Path of the kubeconfig's server URL, without a trailing slash; empty when it has none. */
  readonly serverPath: string;
  readonly credential: Credential;
  readonly dispatcher: UpstreamDispatcher;
  readonly dial: Dial;
}

/** What is needed to reach the API server that is not in the kubeconfig. */
export interface UpstreamOptions {
  readonly config: ClientConfig;
  readonly credential: Credential;
  /** PEM of the trusted authorities; undefined means the well-known ones. */
  readonly certificateAuthority: Buffer | undefined;
  /** TCP keep-alive period in milliseconds, 0 for none. */
  readonly keepAlive: number;
}

/** Allocates the upstream; nothing is dialled before the first request. */
export function createUpstream({
  config,
  credential,
  certificateAuthority,
  keepAlive,
}: UpstreamOptions): Upstream {
  const dial = createDial({
    server: config.server,
    secureContext: createSecureContext(certificateAuthority, credential),
    insecureSkipTlsVerify: config.insecureSkipTlsVerify,
    tlsServerName: config.tlsServerName,
    keepAlive,
  });
  return {
    host: hostOf(config.server),
    serverPath: config.server.path,
    credential,
    dispatcher: new UpstreamDispatcher(config.server, dial),
    dial,
  };
}
