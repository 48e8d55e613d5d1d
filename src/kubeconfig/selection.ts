import { isSet, type Overrides } from './overrides.js';
import type { AuthInfo, Cluster, Kubeconfig, Named } from './types.js';

/** A selected entry, and its name for messages, such as `user "admin" in /home/me/.kube/config`. */
export interface Selected<T> {
  readonly label: string;
  readonly value: T;
  /** The entry's file; undefined if only flags define the entry. */
  readonly file: string | undefined;
}

/** The cluster and user of a context. With problems, an entry may be empty. */
export interface Selection {
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
export function selectEntries(kubeconfig: Kubeconfig, overrides: Overrides, problems: string[]): Selection {
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
