import { isGiven, type Overrides, overrideCluster, overrideUser } from './overrides.js';
import { resolvePath, resolvePemSource } from './pem-source.js';
import { type Selected, selectEntries } from './selection.js';
import { parseServerAddress } from './server-address.js';
import type { AuthInfo, ClientConfig, Cluster, Kubeconfig, PemSource, ServerAddress } from './types.js';
import { findUnsupported } from './unsupported.js';

/**
 * Comes down from a kubeconfig and flags to what is needed to reach one API server, by client-go's rules
 * (`clientcmd.DirectClientConfig`), or says all that is wrong, one line each. Pure: no file that it names is read.
 * As in client-go, nothing of the user is sent over plain HTTP.
 */
export function resolveClientConfig(
  kubeconfig: Kubeconfig | undefined,
  overrides: Overrides,
): { readonly config: ClientConfig } | { readonly problems: readonly string[] } {
  if ((kubeconfig?.files.length ?? 0) === 0 && !isGiven(overrides.server)) {
    const lookedFor = kubeconfig?.lookedFor.join(', ') ?? '';
    const tried = lookedFor === '' ? '' : `looked for ${lookedFor}; `;
    return { problems: [`no kubeconfig: ${tried}pass --kubeconfig or --server`] };
  }
  const selection = selectEntries(kubeconfig, overrides);
  const problems = [...selection.problems];
  const cluster = { ...selection.cluster, value: overrideCluster(selection.cluster.value, overrides) };
  const user = { ...selection.user, value: overrideUser(selection.user.value, overrides) };

  const server = resolveServer(cluster, selection.problems.length === 0, overrides, problems);
  const isTls = server?.protocol !== 'http:';
  const hasCredentials = selection.hasUser || Object.keys(user.value).length > 0;
  if (isTls && !hasCredentials && selection.contextLabel !== undefined) {
    problems.push(`${selection.contextLabel} has no user`);
  }
  const trust = resolveTrust(cluster, isTls, problems);
  const credentials = resolveCredentials(user, problems);
  problems.push(
    ...findUnsupported(
      { name: user.label, value: user.value },
      { name: cluster.label, value: cluster.value },
      isTls,
    ),
  );
  if (server === undefined || problems.length > 0) return { problems };
  if (!isTls) return { config: { server, insecureSkipTlsVerify: false } };
  return { config: { server, ...trust, ...credentials } };
}

function resolveServer(
  { label, value, file }: Selected<Cluster>,
  isSelected: boolean,
  overrides: Overrides,
  problems: string[],
): ServerAddress | undefined {
  const text = value.server ?? '';
  if (text === '') {
    // Without a cluster the reason is among the problems already.
    if (isSelected || file !== undefined) problems.push(`${label} has no server`);
    return undefined;
  }
  const parsed = parseServerAddress(text, isGiven(overrides.server) ? '--server' : `server of ${label}`);
  if ('address' in parsed) return parsed.address;
  problems.push(parsed.problem);
  return undefined;
}

function resolveTrust(
  cluster: Selected<Cluster>,
  isTls: boolean,
  problems: string[],
): Pick<ClientConfig, 'certificateAuthority' | 'insecureSkipTlsVerify' | 'tlsServerName'> {
  const certificateAuthority = take(
    resolvePemSource(cluster.value, 'certificate-authority', cluster),
    problems,
  );
  const insecureSkipTlsVerify = cluster.value['insecure-skip-tls-verify'] ?? false;
  if (isTls && insecureSkipTlsVerify && certificateAuthority !== undefined) {
    problems.push(
      `${cluster.label}: a certificate-authority and insecure-skip-tls-verify cannot be set at the same time`,
    );
  }
  const tlsServerName = cluster.value['tls-server-name'] ?? '';
  return {
    insecureSkipTlsVerify,
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    ...(tlsServerName === '' ? {} : { tlsServerName }),
  };
}

function resolveCredentials(
  user: Selected<AuthInfo>,
  problems: string[],
): Pick<ClientConfig, 'clientCertificate' | 'token' | 'tokenFile' | 'username' | 'password'> {
  const { token = '', tokenFile = '', username = '', password = '' } = user.value;
  if ((token !== '' || tokenFile !== '') && (username !== '' || password !== '')) {
    problems.push(`${user.label}: a token and a user name or password cannot be set at the same time`);
  }
  const known = problems.length;
  const certificate = take(resolvePemSource(user.value, 'client-certificate', user), problems);
  const key = take(resolvePemSource(user.value, 'client-key', user), problems);
  if (problems.length === known && (certificate === undefined) !== (key === undefined)) {
    problems.push(
      key === undefined
        ? `${user.label} has a client-certificate but no client-key`
        : `${user.label} has a client-key but no client-certificate`,
    );
  }
  return {
    ...(certificate === undefined || key === undefined ? {} : { clientCertificate: { certificate, key } }),
    ...(token === '' ? {} : { token }),
    ...(tokenFile === '' ? {} : { tokenFile: resolvePath(tokenFile, user.file) }),
    ...(username === '' && password === '' ? {} : { username, password }),
  };
}

/** The source, or undefined after its problem went to `problems`. */
function take(
  source: PemSource | { readonly problem: string } | undefined,
  problems: string[],
): PemSource | undefined {
  if (source === undefined || !('problem' in source)) return source;
  problems.push(source.problem);
  return undefined;
}
