import { isGiven, type Overrides } from './overrides.js';
import type { AuthInfo, Cluster, Kubeconfig, Named } from './types.js';

/** A chosen entry with the words that say whose it is, such as `user "admin" in /home/me/.kube/config`. */
export interface Selected<T> {
  readonly label: string;
  readonly value: T;
  /** The file it stands in; undefined for an entry that only flags make up. */
  readonly file: string | undefined;
}

/** The cluster and user that a context comes to. Where there are problems an entry may be empty. */
export interface Selection {
  readonly cluster: Selected<Cluster>;
  readonly user: Selected<AuthInfo>;
  /** False where no context and no flag says which user, so that only flags could authenticate. */
  readonly hasUser: boolean;
  readonly contextLabel: string | undefined;
  readonly problems: readonly string[];
}

/**
 * Chooses context, cluster and user: --cluster and --user before the context's own, --context before current-context.
 * A name that does not exist is a problem which lists the ones that do; client-go is silent about some of them.
 */
export function selectEntries(kubeconfig: Kubeconfig | undefined, overrides: Overrides): Selection {
  const problems: string[] = [];
  const files = kubeconfig?.files.join(', ') ?? '';
  const find = <T>(
    entries: ReadonlyMap<string, Named<T>> | undefined,
    name: string | undefined,
    missing: (quoted: string) => string,
  ): Named<T> | undefined => {
    if (name === undefined) return undefined;
    const entry = entries?.get(name);
    if (entry === undefined) problems.push(`${missing(JSON.stringify(name))} ${listNames(entries, files)}`);
    return entry;
  };

  const contextName = given(overrides.context) ?? kubeconfig?.currentContext;
  const contextSource = isGiven(overrides.context) ? '--context' : 'current-context';
  const context = find(
    kubeconfig?.contexts,
    contextName,
    name => `${contextSource}: there is no context ${name}`,
  );
  const contextLabel = context && `context ${JSON.stringify(contextName)} in ${context.file}`;
  if (contextName === undefined && !isGiven(overrides.server) && !isGiven(overrides.cluster)) {
    problems.push(`no current-context; choose one with --context ${listNames(kubeconfig?.contexts, files)}`);
  }

  const clusterName = given(overrides.cluster) ?? given(context?.value.cluster);
  const clusterSource = isGiven(overrides.cluster) ? '--cluster' : contextLabel;
  const cluster = find(
    kubeconfig?.clusters,
    clusterName,
    name => `${clusterSource}: there is no cluster ${name}`,
  );
  if (contextLabel !== undefined && clusterName === undefined && !isGiven(overrides.server)) {
    problems.push(`${contextLabel} has no cluster`);
  }

  const userName = given(overrides.user) ?? given(context?.value.user);
  const userSource = isGiven(overrides.user) ? '--user' : contextLabel;
  const user = find(kubeconfig?.users, userName, name => `${userSource}: there is no user ${name}`);
  return {
    cluster: select('cluster', clusterName, cluster),
    user: select('user', userName, user),
    hasUser: userName !== undefined,
    contextLabel,
    problems,
  };
}

function given(text: string | undefined): string | undefined {
  return isGiven(text) ? text : undefined;
}

function listNames(entries: ReadonlyMap<string, unknown> | undefined, files: string): string {
  const names = [...(entries?.keys() ?? [])].map(name => JSON.stringify(name));
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
