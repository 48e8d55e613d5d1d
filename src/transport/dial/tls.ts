import tls from 'node:tls';
import type { Credential } from '../../credentials/credential.js';

/**
 * Gives what a TLS connection to the API server presents and trusts. Without an authority of its own the kubeconfig means the
 * well-known ones (Node's bundled roots, and those of NODE_EXTRA_CA_CERTS). It is made for the first connection: with the first authority Node 20
 * reads its bundled roots as well, which is 20 ms that a start need not wait for.
 */
export function createSecureContext(
  authority: Buffer | undefined,
  { clientCertificate }: Credential,
): () => tls.SecureContext {
  let context: tls.SecureContext | undefined;
  return () => {
    context ??= tls.createSecureContext({
      ...(authority === undefined ? {} : { ca: authority }),
      ...(clientCertificate === undefined
        ? {}
        : { cert: clientCertificate.certificate, key: clientCertificate.key }),
    });
    return context;
  };
}
