import { createSecureContext } from 'node:tls';
import { CredentialError } from '../../credentials/credential.js';
import type { IssuerDial } from '../../credentials/oidc-request.js';
import { codedError } from '../../lib/connection-failure.js';
import { UpstreamError } from '../upstream-error.js';
import { createDial } from './dial.js';
import { selectProxy } from './proxy-selection.js';

/**
 * Opens connections to OpenID Connect issuers. They use the proxy of HTTPS_PROXY and NO_PROXY, as client-go and the API server do; the
 * kubeconfig's proxy-url is for the API server only. Issuers are always verified, even if NODE_TLS_REJECT_UNAUTHORIZED is 0.
 */
export function createIssuerDial(env: Readonly<Record<string, string | undefined>>): IssuerDial {
  return certificateAuthority => {
    const secureContext = createSecureContext(
      certificateAuthority === undefined ? {} : { ca: certificateAuthority },
    );
    return ({ hostname, port }, callback) => {
      const server = {
        protocol: 'https:',
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port: Number(port) || 443,
        path: '',
      } as const;
      const selected = selectProxy(server, { name: 'HTTPS_PROXY', environment: env });
      if ('problem' in selected) {
        callback(new CredentialError(selected.problem), null);
        return;
      }
      const dial = createDial({
        server,
        secureContext: () => secureContext,
        insecureSkipTlsVerify: false,
        keepAlive: 0,
        proxy: selected.proxy,
      });
      dial((error, socket) => {
        if (socket !== null) callback(null, socket);
        else callback(ofIssuer(error as Error), null);
      });
    };
  };
}

/** The messages of an UpstreamError name the API server, but here the peer is an issuer. */
function ofIssuer(error: Error): Error {
  if (!(error instanceof UpstreamError)) return error;
  if (error.reason === 'proxy') return new CredentialError(error.message);
  return codedError('ETIMEDOUT', 'no connection');
}
