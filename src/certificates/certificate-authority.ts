import { X509Certificate } from 'node:crypto';
import type { PemSource } from '../kubeconfig/pem-source.js';
import type { ReadFile } from '../lib/read-file.js';
import { readPem } from './pem.js';

/**
 * Reads the PEM certificates of an authority. `field` names them in messages. Other PEM blocks are ignored, as in Go's
 * `AppendCertsFromPEM`; no certificate at all is a problem. Without a source there is no authority.
 */
export async function loadCertificateAuthority(
  source: PemSource | undefined,
  read: ReadFile,
  field = 'certificate-authority',
): Promise<{ readonly certificateAuthority: Buffer | undefined } | { readonly problems: readonly string[] }> {
  if (source === undefined) return { certificateAuthority: undefined };
  const document = await readPem(source, field, read);
  if ('problem' in document) return { problems: [document.problem] };
  const certificates = document.blocks.filter(
    ({ type, text }) => type === 'CERTIFICATE' && isCertificate(text),
  );
  if (certificates.length === 0) return { problems: [`${document.name} has no certificate`] };
  return { certificateAuthority: Buffer.from(certificates.map(({ text }) => text).join('')) };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== null;
  } catch {
    return false;
  }
}
