import { loadCertificateAuthority } from '../../credentials/certificate-authority.js';
import { type CertificatePair, loadCertificatePair } from '../../credentials/certificate-pair.js';
import type { Problems } from '../../feature.js';
import { type FileWatchOptions, watchFiles } from '../../lib/file-watch.js';
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

/** The last version of the files that could be used. */
export interface FollowedTlsFiles {
  readonly current: TlsFiles;
  close(): void;
}

/**
 * Reads the files of the TLS listener and follows them. If the files cannot be used (the key for a certificate has not come yet, or half of
 * a file is missing), the last good ones stay in use.
 *
 * @param onReload Called after changed files were read, with the problems, and with the files that are now in use. Without problems these
 * are the new ones, otherwise the last good ones.
 */
export async function followTlsFiles(
  options: FileOptions,
  onReload: (problems: readonly string[], files: TlsFiles) => void,
  interval?: FileWatchOptions['interval'],
): Promise<FollowedTlsFiles | Problems> {
  const first = await loadTlsFiles(options);
  if ('problems' in first) return first;
  let current = first;
  const watch = await watchFiles({
    files: () =>
      [options.tlsCertFile, options.tlsPrivateKeyFile, options.clientCaFile].filter(file => file !== ''),
    interval,
    onChange: async () => {
      const next = await loadTlsFiles(options);
      if (!('problems' in next)) current = next;
      onReload('problems' in next ? next.problems : [], current);
    },
  });
  return {
    get current() {
      return current;
    },
    close: watch.close,
  };
}

async function loadTlsFiles({
  tlsCertFile,
  tlsPrivateKeyFile,
  clientCaFile,
}: FileOptions): Promise<TlsFiles | Problems> {
  const [loaded, authorities] = await Promise.all([
    loadCertificatePair(
      { certificate: { file: tlsCertFile }, key: { file: tlsPrivateKeyFile } },
      { certificate: '--tls-cert-file', key: '--tls-private-key-file' },
    ),
    loadCertificateAuthority(clientCaFile === '' ? undefined : { file: clientCaFile }, '--client-ca-file'),
  ]);
  if ('problems' in loaded || 'problems' in authorities) {
    return { problems: [loaded, authorities].flatMap(part => ('problems' in part ? part.problems : [])) };
  }
  const { certificateAuthority: pem } = authorities;
  return { pair: loaded.pair, clientAuthorities: pem && toClientAuthorities(pem) };
}
