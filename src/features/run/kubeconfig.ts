import type { CommandProgram, Problems } from '../../feature.js';
import { kubeconfigYaml } from '../common/kubeconfig-yaml.js';

/** A context of the command's kubeconfig. */
interface CommandContext {
  readonly name: string;
  /** Below the base path. */
  readonly path: string;
  /** Empty if it has none. */
  readonly namespace: string;
}

/** The contexts of the command's kubeconfig. */
export interface CommandContexts {
  readonly all: readonly CommandContext[];
  readonly current: CommandContext;
}

/** Name of the context if flags alone define the API server. */
const ownName = 'kube-api-proxy';

/** The contexts that a command gets: that of `/`, or all that the program serves, of which the one of `/` has to be one. */
export function contextsOf(
  { registry, apiPaths }: Pick<CommandProgram, 'registry' | 'apiPaths'>,
  allContexts: boolean,
): CommandContexts | Problems {
  const namespaces = new Map(registry.contexts.map(({ name, namespace }) => [name, namespace]));
  const contextOf = (name: string, path: string): CommandContext => {
    // Half a surrogate pair is no character: kubectl would reject the whole file.
    return { name: name.toWellFormed(), path, namespace: (namespaces.get(name) ?? '').toWellFormed() };
  };
  const { name } = registry.default;
  if (!allContexts) {
    const only = contextOf(name, apiPaths.root);
    const current = { ...only, name: only.name || ownName };
    return { all: [current], current };
  }
  const all = [...registry.names].map(each => contextOf(each, apiPaths.of(each)));
  const current = all.find(context => context.name === name.toWellFormed());
  if (current !== undefined) return { all, current };
  return {
    problems: [
      `--contexts does not match ${JSON.stringify(name)}, the current context; choose another one with --context`,
    ],
  };
}

/**
 * The kubeconfig of a command. It has no user: the proxy adds the credential, and clients send none over http://.
 *
 * @param url Of the base path, without a final slash.
 */
export function commandKubeconfig({ all, current }: CommandContexts, url: string): string {
  return kubeconfigYaml({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: all.map(({ name, path }) => ({
      name,
      // @kubernetes/client-node connects over http:// only if the file says that it checks no certificate.
      cluster: { server: url + path, 'insecure-skip-tls-verify': true },
    })),
    users: [],
    contexts: all.map(({ name, namespace }) => ({
      name,
      context: { cluster: name, ...(namespace !== '' && { namespace }) },
    })),
    'current-context': current.name,
  });
}
