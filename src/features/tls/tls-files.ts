import { loadCertificateAuthority } from '../../certificates/certificate-authority.js';
import { type CertificatePair, loadCertificatePair } from '../../certificates/certificate-pair.js';
import type { Problems } from '../../feature.js';
import { type Followed, follow } from '../../lib/follow.js';
import type { ReadFile } from '../../lib/read-file.js';
import { type ClientAuthorities, toClientAuthorities } from './client-certificate/authorities.js';
import type { TlsOptions } from './options.js';

/** What the TLS listener reads from files. */
export interface TlsFiles {
  readonly pair: CertificatePair;
  /** The authorities of client certificates; undefined if no client certificates are requested. */
  readonly clientAuthorities: ClientAuthorities | undefined;
}

/** The options with the paths of the files. `clientCaFile` is empty if no client certificates are requested. */
type FileOptions = Pick<TlsOptions, 'tlsCertFile' | 'tlsPrivateKeyFile' | 'clientCaFile'>;

/**
 * Reads the files of the TLS listener and follows them. If the files cannot be used (the key for a certificate has not come yet, or half of
 * a file is missing), the last good ones stay in use.
 *
 * @param onReload Called after changed files were read, with the problems, and with the files that are now in use. Without problems these
 * are the new ones, otherwise the last good ones.
 */
export function followTlsFiles(
  options: FileOptions,
  onReload: (problems: readonly string[], files: TlsFiles) => void,
  interval?: number,
): Promise<Followed<TlsFiles> | Problems> {
  return follow<TlsFiles>({
    interval,
    load: read => loadTlsFiles(options, read),
    onChange: (next, before) => ('problems' in next ? onReload(next.problems, before) : onReload([], next)),
  });
}

async function loadTlsFiles(
  { tlsCertFile, tlsPrivateKeyFile, clientCaFile }: FileOptions,
  read: ReadFile,
): Promise<TlsFiles | Problems> {
  const [loaded, authorities] = await Promise.all([
    loadCertificatePair(
      { certificate: { file: tlsCertFile }, key: { file: tlsPrivateKeyFile } },
      { certificate: '--tls-cert-file', key: '--tls-private-key-file' },
      read,
    ),
    loadCertificateAuthority(
      clientCaFile === '' ? undefined : { file: clientCaFile },
      read,
      '--client-ca-file',
    ),
  ]);
  if ('problems' in loaded || 'problems' in authorities) {
    return { problems: [loaded, authorities].flatMap(part => ('problems' in part ? part.problems : [])) };
  }
  const { certificateAuthority: pem } = authorities;
  return { pair: loaded.pair, clientAuthorities: pem && toClientAuthorities(pem) };
}
