import { type CertificatePair, loadClientCertificate } from '../certificates/certificate-pair.js';
import { type ExecApiVersion, type ExecConfig, execApiVersions } from '../kubeconfig/exec-config.js';
import { urlOf } from '../kubeconfig/server-address.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import { isObject, parseObject } from '../lib/json.js';
import { readWhole } from '../lib/read-file.js';
import { isBearerToken } from './credential.js';

/**
 * The JSON of KUBERNETES_EXEC_INFO for a plugin: an ExecCredential without its status. It describes the cluster (client-go's
 * `clientauthentication.Cluster`) to a plugin with provideClusterInfo.
 *
 * @param certificateAuthority PEM.
 */
export function createExecInfo(
  { apiVersion, provideClusterInfo }: Pick<ExecConfig, 'apiVersion' | 'provideClusterInfo'>,
  config: ClientConfig,
  certificateAuthority: Buffer | undefined,
): string {
  const describe = () => ({
    server: urlOf(config.server),
    'tls-server-name': config.tlsServerName,
    'insecure-skip-tls-verify': config.insecureSkipTlsVerify || undefined,
    'certificate-authority-data': certificateAuthority?.toString('base64'),
    'proxy-url': config.proxyUrl?.url,
    'disable-compression': config.disableCompression,
    config: config.execClusterConfig,
  });
  const info = provideClusterInfo ? { cluster: describe() } : {};
  return JSON.stringify({ kind: 'ExecCredential', apiVersion, spec: { ...info, interactive: false } });
}

/** The answer of a plugin: a token, a client certificate, or both. */
export interface ExecAnswer {
  /** A bearer token that a header can carry. */
  readonly token?: string;
  readonly clientCertificate?: CertificatePair;
  /** Milliseconds since 1970; undefined if the plugin sets no expiry. */
  readonly expirationTimestamp?: number;
}

/**
 * Reads the ExecCredential that a plugin wrote to its stdout, as strictly as client-go does. The text of a problem continues a sentence
 * that begins with the plugin's name. It quotes only a known apiVersion.
 */
export async function parseExecCredential(
  stdout: Buffer,
  apiVersion: ExecApiVersion,
): Promise<{ readonly answer: ExecAnswer } | { readonly problem: string }> {
  const status = readStatus(stdout, apiVersion);
  if ('problem' in status) return status;
  const { token, clientCertificateData: certificate, clientKeyData: key } = status.texts;
  const { expirationTimestamp } = status.texts;
  if (token === '' && certificate === '' && key === '') {
    return { problem: 'did not return a token or a certificate and key' };
  }
  if ((certificate === '') !== (key === '')) {
    return { problem: 'returned only a certificate or a key, not both' };
  }
  if (token !== '' && !isBearerToken(token)) {
    return {
      problem: 'returned a token with a space, a line break or another character that it cannot have',
    };
  }
  const expires = expirationTimestamp === '' ? undefined : parseRfc3339(expirationTimestamp);
  if (Number.isNaN(expires))
    return { problem: 'returned an expirationTimestamp that is not an RFC 3339 time' };
  const pair = certificate === '' ? undefined : await readPair(certificate, key);
  if (pair !== undefined && 'problem' in pair) return pair;
  return {
    answer: {
      ...(token === '' ? {} : { token }),
      ...pair,
      ...(expires === undefined ? {} : { expirationTimestamp: expires }),
    },
  };
}

const textFields = ['token', 'clientCertificateData', 'clientKeyData', 'expirationTimestamp'] as const;
type StatusTexts = Readonly<Record<(typeof textFields)[number], string>>;

/** The strings of the status; missing ones are empty. */
function readStatus(
  stdout: Buffer,
  apiVersion: ExecApiVersion,
): { readonly texts: StatusTexts } | { readonly problem: string } {
  const text = stdout.toString();
  if (text.trim() === '') return { problem: 'wrote nothing to its stdout' };
  const document = parseObject(text);
  if (document === undefined) return { problem: 'did not write a JSON object to its stdout' };
  if (document['kind'] !== 'ExecCredential') return { problem: 'did not return an ExecCredential' };
  const returned = document['apiVersion'];
  if (returned !== apiVersion) {
    return {
      problem: `is configured to use API version ${apiVersion}, plugin returned ${nameOfVersion(returned)}`,
    };
  }
  const status = document['status'] ?? undefined;
  if (status === undefined) return { problem: 'did not return a status field' };
  if (!isObject(status)) return { problem: 'returned a status that is not an object' };
  const wrong = textFields.find(field => typeof (status[field] ?? '') !== 'string');
  if (wrong !== undefined) return { problem: `returned a status.${wrong} that is not a string` };
  return { texts: Object.fromEntries(textFields.map(field => [field, status[field] ?? ''])) as StatusTexts };
}

function nameOfVersion(returned: unknown): string {
  const known = [...execApiVersions, 'client.authentication.k8s.io/v1alpha1'].find(
    version => version === returned,
  );
  return known === undefined ? 'another version' : `version ${known}`;
}

function parseRfc3339(text: string): number {
  const isRfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text);
  return isRfc3339 ? Date.parse(text) : Number.NaN;
}

async function readPair(
  certificate: string,
  key: string,
): Promise<{ readonly clientCertificate: CertificatePair } | { readonly problem: string }> {
  const sources = {
    certificate: { data: Buffer.from(certificate), origin: 'status.clientCertificateData' },
    key: { data: Buffer.from(key), origin: 'status.clientKeyData' },
  };
  const result = await loadClientCertificate(sources, readWhole);
  if ('clientCertificate' in result) return result;
  return { problem: `returned a client certificate that cannot be used: ${result.problems.join('; ')}` };
}
