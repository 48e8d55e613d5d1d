import tls from 'node:tls';
import type { Credential } from '../../credentials/credential.js';

/**
 * What a TLS connection to the API server presents and trusts. Without an authority of its own the kubeconfig means the
 * well-known ones (Node's bundled roots, and those of NODE_EXTRA_CA_CERTS).
 */
export function createSecureContext(
  authority: Buffer | undefined,
  credential: Credential,
): tls.SecureContext {
  const { clientCertificate } = credential;
  return tls.createSecureContext({
    ...(authority === undefined ? {} : { ca: authority }),
    ...(clientCertificate === undefined
      ? {}
      : { cert: clientCertificate.certificate, key: clientCertificate.key }),
  });
}
