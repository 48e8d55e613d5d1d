import { join } from 'node:path';
import { hasTls } from '../proxy/encrypted.js';
import { replaceFile } from '../replaced-file.js';
import { temporaryFolder } from '../temporary-folder.js';
import { type CertificatePair, createCertificateAuthority } from './certificates.js';

/** The files of a TLS listener, in a temporary folder. */
export type ServingFiles = Awaited<ReturnType<typeof createServingFiles>>;

/** Creates an authority and a certificate for localhost that it has issued. */
export async function createServingFiles() {
  const folder = temporaryFolder();
  const authority = await createCertificateAuthority({ commonName: 'serving' });
  const [certificate, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  /** Replaces a file of the folder in one step, and returns its path. */
  const replace = async (name: string, content: string): Promise<string> => {
    const file = join(folder, name);
    await replaceFile(file, content);
    return file;
  };
  /** Replaces certificate and key. */
  const write = async (pair: CertificatePair): Promise<void> => {
    await replace('tls.key', pair.key);
    await replace('tls.crt', pair.certificate);
  };
  await write(await authority.server());
  /** The flags that name them; none where no feature has a listener. */
  const flags = hasTls ? [`--tls-cert-file=${certificate}`, `--tls-private-key-file=${key}`] : [];
  return { folder, authority, certificate, key, flags, replace, write };
}
