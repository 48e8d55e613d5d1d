import type { ClusterRegistry } from '../clusters/registry.js';
import type { KubeconfigContext, KubeconfigFacts } from '../endpoints/kubeconfig.js';
import { addressFor } from '../endpoints/own-address.js';
import type { RequestContext } from '../request/context.js';
import type { Tls } from './listener/tls.js';
import { apiPath, contextPath, rootPath } from './mounts.js';

/** How callers reach the proxy. */
interface AddressParts {
  readonly options: {
    readonly publicUrl: string;
    readonly disableFilter: boolean;
  };
  readonly tls: Pick<Tls, 'chain'> | undefined;
}

/** What the kubeconfig for callers is made from. */
export interface KubeconfigParts extends AddressParts {
  readonly options: AddressParts['options'] & {
    readonly apiPrefix: string;
    readonly appendServerPath: boolean;
  };
  readonly registry: ClusterRegistry;
  /** The users by which callers can authenticate now; none if they need not. */
  readonly callerEntries: () => KubeconfigFacts['users'];
}

/** Name of the context of `/` if the kubeconfig has no name for it, or if another context here has that name. */
const ownName = 'kube-api-proxy';

/**
 * Says what the caller's kubeconfig contains: the context of `/`, and each context that is served below `/clusters/`. A caller who could
 * not use the contexts does not learn their names. The result is undefined if the proxy has no address that a client could use.
 */
export function createKubeconfigFacts({ options, registry, tls, callerEntries }: KubeconfigParts) {
  const { publicUrl, disableFilter, apiPrefix } = options;
  const sources = { publicUrl, trustsHost: !disableFilter };
  // Another program may end TLS at a public URL.
  const authority = (): string | undefined =>
    publicUrl === '' || tls?.chain.isFor(new URL(publicUrl).hostname) ? tls?.chain.authority : undefined;

  const contextsFor = (isStranger: boolean): readonly KubeconfigContext[] => {
    if (isStranger) return [{ name: ownName, path: apiPath(apiPrefix), namespace: '' }];
    const namespaces = new Map(registry.contexts.map(({ name, namespace }) => [name, namespace]));
    const namespaceOf = (name: string): string => namespaces.get(name) ?? '';
    const current = registry.default;
    const root = {
      name: nameOfRoot(current.name, registry.names),
      path: rootPath(options, registry),
      namespace: namespaceOf(current.name),
    };
    const others = [...registry.names].map(name => ({
      name,
      path: contextPath(name),
      namespace: namespaceOf(name),
    }));
    return [root, ...others];
  };
  return (request: RequestContext): KubeconfigFacts | undefined => {
    const address = addressFor(request, sources);
    if (address === undefined) return undefined;
    const users = callerEntries();
    const isForStranger = users.length > 0 && request.caller === undefined;
    return {
      address,
      contexts: contextsFor(isForStranger),
      authority: authority(),
      users,
      isForStranger,
    };
  };
}

/**
 * Says whether clients have to be told the authority of the proxy's certificate, at the address that the caller used. They do not if another
 * program ends TLS there with a certificate of its own.
 */
export function createAuthorityCheck({ options, tls }: AddressParts): (request: RequestContext) => boolean {
  const sources = { publicUrl: options.publicUrl, trustsHost: !options.disableFilter };
  return request => {
    const address = addressFor(request, sources);
    if (tls === undefined || address === undefined) return false;
    const { protocol, hostname } = new URL(address);
    return protocol === 'https:' && tls.chain.isFor(hostname) && !tls.chain.isPublic;
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
