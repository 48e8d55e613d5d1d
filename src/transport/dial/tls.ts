import tls from 'node:tls';
import type { Credential } from '../../credentials/credential.js';

/**
 * Returns a function that creates the TLS settings for the API server: trusted authorities and client certificate. A kubeconfig without an
 * authority means the public ones (Node's bundled roots, and those of NODE_EXTRA_CA_CERTS). The settings are created for the first
 * connection, because Node 20 reads its bundled roots even when there is an authority; that takes 20 ms which a start need not wait for.
 */
export function lazySecureContext(
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
