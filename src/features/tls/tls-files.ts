import { loadCertificateAuthority } from '../../credentials/certificate-authority.js';
import { type CertificatePair, loadCertificatePair } from '../../credentials/certificate-pair.js';
import { type FileWatchOptions, watchFiles } from '../../lib/file-watch.js';
import { type ClientAuthorities, toClientAuthorities } from './client-certificate/authorities.js';

/** What the TLS listener reads from files. */
export interface TlsFiles {
  readonly pair: CertificatePair;
  /** The authorities of client certificates; undefined if no client certificates are requested. */
  readonly clientAuthorities: ClientAuthorities | undefined;
}

/** The paths of the files. */
export interface TlsFileNames {
  /** --tls-cert-file. */
  readonly certificate: string;
  /** --tls-private-key-file. */
  readonly key: string;
  /** --client-ca-file; empty if no client certificates are requested. */
  readonly clientAuthorities: string;
}

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
  names: TlsFileNames,
  onReload: (problems: readonly string[], files: TlsFiles) => void,
  interval?: FileWatchOptions['interval'],
): Promise<FollowedTlsFiles | { readonly problems: readonly string[] }> {
  const first = await loadTlsFiles(names);
  if ('problems' in first) return first;
  let current = first;
  const watch = await watchFiles({
    files: () => [names.certificate, names.key, names.clientAuthorities].filter(file => file !== ''),
    interval,
    onChange: async () => {
      const next = await loadTlsFiles(names);
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

async function loadTlsFiles(
  names: TlsFileNames,
): Promise<TlsFiles | { readonly problems: readonly string[] }> {
  const [loaded, authorities] = await Promise.all([
    loadCertificatePair(
      { certificate: { file: names.certificate }, key: { file: names.key } },
      { certificate: '--tls-cert-file', key: '--tls-private-key-file' },
    ),
    names.clientAuthorities === ''
      ? undefined
      : loadCertificateAuthority({ file: names.clientAuthorities }, '--client-ca-file'),
  ]);
  const problems = [loaded, authorities].flatMap(part =>
    part !== undefined && 'problems' in part ? part.problems : [],
  );
  if ('problems' in loaded || (authorities !== undefined && 'problems' in authorities)) return { problems };
  return {
    pair: loaded.pair,
    clientAuthorities:
      authorities === undefined ? undefined : toClientAuthorities(authorities.certificateAuthority),
  };
}
