import { readFile } from 'node:fs/promises';
import { describeFileError } from '../kubeconfig/file-problem.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import { loadClientCertificate } from './client-certificate.js';
import type { Credential } from './credential.js';

/**
 * Reads the credentials that the configuration names: a client certificate, and a bearer token (its file before its
 * text) or basic authentication. Problems are one line each and never hold a secret.
 */
export async function loadCredential(
  config: ClientConfig,
): Promise<{ readonly credential: Credential } | { readonly problems: readonly string[] }> {
  const { clientCertificate } = config;
  const parts = await Promise.all([
    loadAuthorization(config),
    clientCertificate === undefined ? {} : loadClientCertificate(clientCertificate),
  ]);
  let credential: Credential = {};
  const problems: string[] = [];
  for (const part of parts) {
    if ('problems' in part) problems.push(...part.problems);
    else credential = { ...credential, ...part };
  }
  return problems.length > 0 ? { problems } : { credential };
}

type Authorization = Pick<Credential, 'authorization'> | { readonly problems: readonly string[] };

async function loadAuthorization(config: ClientConfig): Promise<Authorization> {
  if (config.tokenFile !== undefined) return loadTokenFile(config.tokenFile);
  if (config.token !== undefined) return bearer(config.token, 'token');
  if (config.username === undefined && config.password === undefined) return {};
  const pair = `${config.username ?? ''}:${config.password ?? ''}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

async function loadTokenFile(file: string): Promise<Authorization> {
  try {
    const token = (await readFile(file, 'utf8')).trim();
    return token === '' ? { problems: [`tokenFile ${file} is empty`] } : bearer(token, `tokenFile ${file}`);
  } catch (error) {
    return { problems: [`tokenFile ${file}: ${describeFileError(error)}`] };
  }
}

/** What a header can carry of a token, less the space that would end it (RFC 6750 allows fewer still). */
const headerToken = /^[\x21-\x7e]+$/;

function bearer(token: string, name: string): Authorization {
  if (headerToken.test(token)) return { authorization: `Bearer ${token}` };
  return { problems: [`${name} has a space, a line break or another character that a token cannot have`] };
}
