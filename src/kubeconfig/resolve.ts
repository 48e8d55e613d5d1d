import { parseOidcConfig } from './auth-provider.js';
import { parseExecConfig } from './exec-config.js';
import { resolveImpersonation } from './impersonation-config.js';
import { isSet, type Overrides, overrideCluster, overrideUser } from './overrides.js';
import { resolvePath, resolvePemSource } from './pem-source.js';
import { parseServerAddress } from './server-address.js';
import type { AuthInfo, ClientConfig, Cluster, Kubeconfig, Named, ServerAddress } from './types.js';

const noKubeconfig = 'no kubeconfig: ';

/** Whether a problem says that there is neither a kubeconfig nor an address of an API server. */
export function isMissingKubeconfig(problem: string): boolean {
  return problem.startsWith(noKubeconfig);
}

/**
 * Resolves a kubeconfig and flags to the configuration of one API server, by client-go's rules (`clientcmd.DirectClientConfig`). If there
 * are problems, returns all of them, one line each. Reads no files. As in client-go, no credential is sent over plain HTTP.
 */
export function resolveClientConfig(
  kubeconfig: Kubeconfig,
  overrides: Overrides,
): { readonly config: ClientConfig } | { readonly problems: readonly string[] } {
  if (kubeconfig.files.length === 0 && !isSet(overrides.server)) {
    const candidates = kubeconfig.candidates.join(', ');
    const tried = candidates === '' ? '' : `looked for ${candidates}; `;
    return { problems: [`${noKubeconfig}${tried}pass --kubeconfig or --server`] };
  }
  if (isEmpty(kubeconfig) && !isSet(overrides.server)) {
    const { files } = kubeconfig;
    const are = files.length === 1 ? 'is an empty kubeconfig' : 'are empty kubeconfigs';
    return { problems: [`${files.join(', ')} ${are}; pass another one with --kubeconfig, or pass --server`] };
  }
  const problems: string[] = [];
  const selection = selectEntries(kubeconfig, overrides, problems);
  const isSelected = problems.length === 0;
  const cluster = { ...selection.cluster, value: overrideCluster(selection.cluster.value, overrides) };
  const user = { ...selection.user, value: overrideUser(selection.user.value, overrides) };

  const server = resolveServer(cluster, isSelected, overrides, problems);
  const isTls = server?.protocol !== 'http:';
  const hasCredentials = selection.hasUser || Object.keys(user.value).length > 0;
  if (isTls && !hasCredentials && selection.contextLabel !== undefined) {
    problems.push(`${selection.contextLabel} has no user`);
  }
  const trust = resolveTrust(cluster, isTls, problems);
  const credentials = resolveCredentials(user, isTls, problems);
  const impersonation = resolveImpersonation(user, overrides, problems);
  if (server === undefined || problems.length > 0) return { problems };
  const common = { server, impersonation, proxyUrl: proxyUrlOf(cluster, overrides) };
  if (!isTls) return { config: { insecureSkipTlsVerify: false, ...common } };
  return { config: { ...trust, ...credentials, ...common } };
}

function proxyUrlOf({ label, value }: Selected<Cluster>, { proxyUrl }: Overrides): ClientConfig['proxyUrl'] {
  if (isSet(proxyUrl)) return { url: proxyUrl, name: '--proxy-url' };
  const url = textOrNone(value['proxy-url']);
  return url === undefined ? undefined : { url, name: `proxy-url of ${label}` };
}

/** Whether a kubeconfig has no content. */
export function isEmpty({ clusters, users, contexts }: Kubeconfig): boolean {
  return clusters.size + users.size + contexts.size === 0;
}

function resolveServer(
  { label, value, file }: Selected<Cluster>,
  isSelected: boolean,
  overrides: Overrides,
  problems: string[],
): ServerAddress | undefined {
  const text = value.server ?? '';
  if (text === '') {
    // If no cluster was found, the problems already say why.
    if (isSelected || file !== undefined) problems.push(`${label} has no server`);
    return undefined;
  }
  const parsed = parseServerAddress(text, isSet(overrides.server) ? '--server' : `server of ${label}`);
  if ('address' in parsed) return parsed.address;
  problems.push(parsed.problem);
  return undefined;
}

function resolveTrust(cluster: Selected<Cluster>, isTls: boolean, problems: string[]) {
  const certificateAuthority = resolvePemSource(cluster.value, 'certificate-authority', cluster, problems);
  const insecureSkipTlsVerify = cluster.value['insecure-skip-tls-verify'] ?? false;
  if (isTls && insecureSkipTlsVerify && certificateAuthority !== undefined) {
    problems.push(
      `${cluster.label}: a certificate-authority and insecure-skip-tls-verify cannot be set at the same time`,
    );
  }
  return {
    certificateAuthority,
    insecureSkipTlsVerify,
    tlsServerName: textOrNone(cluster.value['tls-server-name']),
    disableCompression: cluster.value['disable-compression'] || undefined,
    execClusterConfig: execExtension(cluster.value.extensions),
  };
}

function resolveCredentials(user: Selected<AuthInfo>, isTls: boolean, problems: string[]) {
  const { token = '', tokenFile = '', username = '', password = '' } = user.value;
  if ((token !== '' || tokenFile !== '') && (username !== '' || password !== '')) {
    problems.push(`${user.label}: a token and a user name or password cannot be set at the same time`);
  }
  const known = problems.length;
  const certificate = resolvePemSource(user.value, 'client-certificate', user, problems);
  const key = resolvePemSource(user.value, 'client-key', user, problems);
  if (problems.length === known && (certificate === undefined) !== (key === undefined)) {
    problems.push(
      key === undefined
        ? `${user.label} has a client-certificate but no client-key`
        : `${user.label} has a client-key but no client-certificate`,
    );
  }
  return {
    clientCertificate: certificate && key && { certificate, key },
    token: textOrNone(token),
    tokenFile: tokenFile === '' ? undefined : resolvePath(tokenFile, user.file),
    username: textOrNone(username),
    password: textOrNone(password),
    ...(isTls ? resolveLogin(user, problems) : {}),
  };
}

/** The exec plugin or auth provider. It is a problem if both are set, as in client-go's validation. */
function resolveLogin(user: Selected<AuthInfo>, problems: string[]) {
  const { exec, 'auth-provider': authProvider } = user.value;
  if (exec !== undefined && authProvider !== undefined) {
    problems.push(`${user.label}: exec and auth-provider cannot be set at the same time`);
  }
  return {
    exec: exec && parseExecConfig(exec, user, problems),
    oidc: authProvider && parseOidcConfig(authProvider, user.label, problems),
  };
}

/** The cluster's extension for exec plugins (KEP-541). */
function execExtension(extensions: unknown): unknown {
  if (!Array.isArray(extensions)) return undefined;
  const entry: unknown = extensions.find(item => item?.name === 'client.authentication.k8s.io/exec');
  return (entry as { extension?: unknown } | undefined)?.extension;
}

/** A selected entry, and its name for messages, such as `user "admin" in /home/me/.kube/config`. */
interface Selected<T> {
  readonly label: string;
  readonly value: T;
  /** The entry's file; undefined if only flags define the entry. */
  readonly file: string | undefined;
}

/** The cluster and user of a context. With problems, an entry may be empty. */
interface Selection {
  readonly cluster: Selected<Cluster>;
  readonly user: Selected<AuthInfo>;
  /** Whether a context or a flag names the user. If not, only flags can authenticate. */
  readonly hasUser: boolean;
  readonly contextLabel: string | undefined;
}

/**
 * Selects context, cluster and user: --cluster and --user win over the context's values, and --context over current-context. If a name does
 * not exist, the problem lists the existing ones. client-go ignores some of these cases.
 */
function selectEntries(kubeconfig: Kubeconfig, overrides: Overrides, problems: string[]): Selection {
  const files = kubeconfig.files.join(', ');
  const find = <T>(
    entries: ReadonlyMap<string, Named<T>>,
    name: string | undefined,
    missing: (quoted: string) => string,
  ): Named<T> | undefined => {
    if (name === undefined) return undefined;
    const entry = entries.get(name);
    if (entry === undefined) problems.push(`${missing(JSON.stringify(name))} ${listNames(entries, files)}`);
    return entry;
  };

  const contextName = textOrNone(overrides.context) ?? kubeconfig.currentContext;
  const contextSource = isSet(overrides.context) ? '--context' : 'current-context';
  const context = find(
    kubeconfig.contexts,
    contextName,
    name => `${contextSource}: there is no context ${name}`,
  );
  const contextLabel = context && `context ${JSON.stringify(contextName)} in ${context.file}`;
  if (contextName === undefined && !isSet(overrides.server) && !isSet(overrides.cluster)) {
    problems.push(`no current-context; choose one with --context ${listNames(kubeconfig.contexts, files)}`);
  }

  const clusterName = textOrNone(overrides.cluster) ?? textOrNone(context?.value.cluster);
  const clusterSource = isSet(overrides.cluster) ? '--cluster' : contextLabel;
  const cluster = find(
    kubeconfig.clusters,
    clusterName,
    name => `${clusterSource}: there is no cluster ${name}`,
  );
  if (contextLabel !== undefined && clusterName === undefined && !isSet(overrides.server)) {
    problems.push(`${contextLabel} has no cluster`);
  }

  const userName = textOrNone(overrides.user) ?? textOrNone(context?.value.user);
  const userSource = isSet(overrides.user) ? '--user' : contextLabel;
  const user = find(kubeconfig.users, userName, name => `${userSource}: there is no user ${name}`);
  return {
    cluster: select('cluster', clusterName, cluster),
    user: select('user', userName, user),
    hasUser: userName !== undefined,
    contextLabel,
  };
}

function textOrNone(text: string | undefined): string | undefined {
  return isSet(text) ? text : undefined;
}

function listNames(entries: ReadonlyMap<string, unknown>, files: string): string {
  const names = [...entries.keys()].map(name => JSON.stringify(name));
  const where = files === '' ? 'no kubeconfig' : files;
  return names.length === 0 ? `(${where} has none)` : `(${where} has ${names.join(', ')})`;
}

function select<T extends object>(
  kind: 'cluster' | 'user',
  name: string | undefined,
  entry: Named<T> | undefined,
): Selected<T> {
  if (entry === undefined) return { label: `the ${kind} of the flags`, value: {} as T, file: undefined };
  return { label: `${kind} ${JSON.stringify(name)} in ${entry.file}`, ...entry };
}
