import type { PemSource } from '../kubeconfig/pem-source.js';
import { loadCertificatePair } from './certificate-pair.js';
import type { ClientCertificate } from './credential.js';

/** Reads the client certificate of a kubeconfig's user, and its key. */
export async function loadClientCertificate(sources: {
  readonly certificate: PemSource;
  readonly key: PemSource;
}): Promise<{ readonly clientCertificate: ClientCertificate } | { readonly problems: readonly string[] }> {
  const loaded = await loadCertificatePair(sources, { certificate: 'client-certificate', key: 'client-key' });
  return 'problems' in loaded ? loaded : { clientCertificate: loaded.pair };
}
