import { join } from 'node:path';
import { hasTls } from '../proxy/encrypted.js';
import { replaceFile } from '../replaced-file.js';
import { temporaryFolder } from '../temporary-folder.js';
import {
  type CertificateAuthority,
  type CertificatePair,
  createCertificateAuthority,
} from './certificates.js';

/** The files of a TLS listener, in a temporary folder. */
export interface ServingFiles {
  readonly folder: string;
  readonly authority: CertificateAuthority;
  readonly certificate: string;
  readonly key: string;
  /** The flags that name them; none where no feature has a listener. */
  readonly flags: readonly string[];
  /** Replaces a file of the folder in one step, and returns its path. */
  replace(name: string, content: string): Promise<string>;
  /** Replaces certificate and key. */
  write(pair: CertificatePair): Promise<void>;
}

/** Creates an authority and a certificate for localhost that it has issued. */
export async function createServingFiles(): Promise<ServingFiles> {
  const folder = temporaryFolder();
  const authority = await createCertificateAuthority({ commonName: 'serving' });
  const [certificate, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const files: ServingFiles = {
    folder,
    authority,
    certificate,
    key,
    flags: hasTls ? [`--tls-cert-file=${certificate}`, `--tls-private-key-file=${key}`] : [],
    async replace(name, content) {
      const file = join(folder, name);
      await replaceFile(file, content);
      return file;
    },
    async write(pair) {
      await files.replace('tls.key', pair.key);
      await files.replace('tls.crt', pair.certificate);
    },
  };
  await files.write(await authority.server());
  return files;
}
