import { type CertificatePair, loadClientCertificate } from '../certificates/certificate-pair.js';
import { type ExecApiVersion, type ExecConfig, execApiVersions } from '../kubeconfig/exec-config.js';
import { urlOf } from '../kubeconfig/server-address.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import { isObject, parseObject } from '../lib/json.js';
import { readWhole } from '../lib/read-file.js';
import { CredentialError, isBearerToken } from './credential.js';

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
 * Reads the ExecCredential that a plugin wrote to its stdout, as strictly as client-go does. Throws a CredentialError that quotes only a known
 * apiVersion.
 *
 * @param command The plugin's name.
 */
export async function parseExecCredential(
  stdout: Buffer,
  apiVersion: ExecApiVersion,
  command: string,
): Promise<ExecAnswer> {
  const fail = (problem: string) => new CredentialError(`exec plugin ${command} ${problem}`);
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = readStatus(
    stdout,
    apiVersion,
    fail,
  );
  if (token === '' && clientCertificateData === '' && clientKeyData === '') {
    throw fail('did not return a token or a certificate and key');
  }
  if ((clientCertificateData === '') !== (clientKeyData === '')) {
    throw fail('returned only a certificate or a key, not both');
  }
  if (token !== '' && !isBearerToken(token)) {
    throw fail('returned a token with a space, a line break or another character that it cannot have');
  }
  const expires = expirationTimestamp === '' ? undefined : parseRfc3339(expirationTimestamp);
  if (Number.isNaN(expires)) throw fail('returned an expirationTimestamp that is not an RFC 3339 time');
  const sources = {
    certificate: { data: Buffer.from(clientCertificateData), origin: 'status.clientCertificateData' },
    key: { data: Buffer.from(clientKeyData), origin: 'status.clientKeyData' },
  };
  const pair = clientKeyData === '' ? undefined : await loadClientCertificate(sources, readWhole);
  if (pair !== undefined && 'problems' in pair) {
    throw fail(`returned a client certificate that cannot be used: ${pair.problems.join('; ')}`);
  }
  return {
    ...(token === '' ? {} : { token }),
    ...pair,
    ...(expires === undefined ? {} : { expirationTimestamp: expires }),
  };
}

const textFields = ['token', 'clientCertificateData', 'clientKeyData', 'expirationTimestamp'] as const;

/** The strings of the status; missing ones are empty. */
function readStatus(
  stdout: Buffer,
  apiVersion: ExecApiVersion,
  fail: (problem: string) => Error,
): Readonly<Record<(typeof textFields)[number], string>> {
  const text = stdout.toString();
  if (text.trim() === '') throw fail('wrote nothing to its stdout');
  const document = parseObject(text);
  if (document === undefined) throw fail('did not write a JSON object to its stdout');
  const { kind, apiVersion: returned } = document as { kind?: unknown; apiVersion?: unknown };
  if (kind !== 'ExecCredential') throw fail('did not return an ExecCredential');
  if (returned !== apiVersion) {
    const version = nameOfVersion(returned);
    throw fail(`is configured to use API version ${apiVersion}, plugin returned ${version}`);
  }
  const status = document['status'] ?? undefined;
  if (status === undefined) throw fail('did not return a status field');
  if (!isObject(status)) throw fail('returned a status that is not an object');
  const wrong = textFields.find(field => typeof (status[field] ?? '') !== 'string');
  if (wrong !== undefined) throw fail(`returned a status.${wrong} that is not a string`);
  return Object.fromEntries(textFields.map(field => [field, status[field] ?? ''])) as ReturnType<
    typeof readStatus
  >;
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
