import type { OwnEndpointParts } from '../../endpoints/own-endpoint.js';
import type { CallerEntry } from '../../kubeconfig/types.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import type { RequestContext } from '../../request/context.js';

/** One context of the kubeconfig. */
interface KubeconfigContext {
  readonly name: string;
  /** Path below the address, percent-encoded; empty, or with a slash at its beginning and none at its end. */
  readonly path: string;
  /** Empty if the context has none. */
  readonly namespace: string;
  /** Whether its callers are those of `/`, with the same credentials. */
  readonly hasUsersOfRoot?: true;
}

/** The content of a kubeconfig for this proxy. */
export interface KubeconfigFacts {
  /** URL of the proxy without a final slash. */
  readonly address: string;
  /** The first one is the current context. */
  readonly contexts: readonly KubeconfigContext[];
  /** PEM of the authority of the proxy's certificate; undefined if it is not known. */
  readonly authority: string | undefined;
  /** One user for each authentication method that is on. */
  readonly users: readonly CallerEntry[];
  /** Whether contexts may be missing because the caller is not known. */
  readonly isForStranger: boolean;
}

/** What the kubeconfig for callers is made from. */
type KubeconfigParts = Pick<
  OwnEndpointParts,
  'registry' | 'shownTo' | 'apiPaths' | 'addressFor' | 'certificate' | 'callerEntries'
>;

/** Name of the context of `/` if the kubeconfig has no name for it, or if another context here has that name. */
const ownName = 'kube-api-proxy';

/**
 * Says what the caller's kubeconfig contains: the context of `/`, and each context below `/clusters/` that the caller is shown. A caller who
 * could not use the contexts, or is not shown that of `/`, does not learn their names. The result is undefined if the proxy has no address that a client could use.
 *
 * @param publicUrl Empty if it is not set.
 */
export function createKubeconfigFacts(
  { registry, shownTo, apiPaths, addressFor, certificate, callerEntries }: KubeconfigParts,
  publicUrl: string,
) {
  // Another program may end TLS at a public URL.
  const authority = (): string | undefined => {
    const own = certificate();
    return publicUrl === '' || own?.isFor(new URL(publicUrl).hostname) ? own?.authority : undefined;
  };

  const contextsFor = async (caller: UserInfo | undefined): Promise<readonly KubeconfigContext[]> => {
    const shown = (await shownTo(caller)).names;
    const summaries = new Map(registry.contexts.map(summary => [summary.name, summary]));
    const contextOf = (name: string, path: string, context = name): KubeconfigContext => {
      const { namespace = '', isAdded } = summaries.get(context) ?? {};
      return { name, path, namespace, ...(isAdded && { hasUsersOfRoot: true }) };
    };
    const current = registry.default.name;
    const below = new Set([...registry.names].filter(name => shown.has(name)));
    return [
      shown.has(current)
        ? contextOf(nameOfRoot(current, below), apiPaths.root, current)
        : { ...ofStranger, name: nameOfRoot('', below) },
      ...[...below].map(name => contextOf(name, apiPaths.of(name))),
    ];
  };
  const ofStranger = { name: ownName, path: apiPaths.prefix, namespace: '' };
  return async (request: RequestContext): Promise<KubeconfigFacts | undefined> => {
    const address = addressFor(request);
    if (address === undefined) return undefined;
    const users = callerEntries();
    const isForStranger = users.length > 0 && request.caller === undefined;
    const contexts = isForStranger ? [ofStranger] : await contextsFor(request.caller);
    return { address, contexts, authority: authority(), users, isForStranger };
  };
}

/**
 * `/` follows the proxy's current context, and a context below `/clusters/` does not. So they get different names, even if they are the
 * same context now.
 */
function nameOfRoot(current: string, names: ReadonlySet<string>): string {
  let name = current === '' || names.has(current) ? ownName : current;
  while (names.has(name)) name += '-current';
  return name;
}
