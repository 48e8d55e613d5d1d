import { isIPv4, isIPv6 } from 'node:net';
import type { ClusterRegistry } from '../clusters/registry.js';
import type { KubeconfigContext, KubeconfigFacts } from '../endpoints/own-endpoint.js';
import type { RequestContext } from '../request/context.js';
import type { Tls } from './listener/tls.js';
import { apiPath, contextPath, rootPath } from './mounts.js';

/** The options that decide at which address callers reach the proxy. */
interface AddressOptions {
  /** Without a final slash; empty if it is not set. */
  readonly publicUrl: string;
  /** If not, a guard has accepted the Host header, so that it was not chosen by an attacker. */
  readonly disableFilter: boolean;
}

/** How callers reach the proxy. */
interface AddressParts {
  readonly options: AddressOptions;
  readonly tls: Pick<Tls, 'chain'> | undefined;
}

/** What the kubeconfig for callers is made from. */
export interface KubeconfigParts extends AddressParts {
  readonly options: AddressOptions & { readonly apiPrefix: string; readonly appendServerPath: boolean };
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
  const { publicUrl, apiPrefix } = options;
  // Another program may end TLS at a public URL.
  const authority = (): string | undefined =>
    publicUrl === '' || tls?.chain.isFor(new URL(publicUrl).hostname) ? tls?.chain.authority : undefined;

  const contextsFor = (isStranger: boolean): readonly KubeconfigContext[] => {
    if (isStranger) return [{ name: ownName, path: apiPath(apiPrefix), namespace: '' }];
    const namespaces = new Map(registry.contexts.map(({ name, namespace }) => [name, namespace]));
    const current = registry.default.name;
    const all: readonly (readonly [name: string, path: string, context: string])[] = [
      [nameOfRoot(current, registry.names), rootPath(options, registry), current],
      ...[...registry.names].map(name => [name, contextPath(name), name] as const),
    ];
    return all.map(([name, path, context]) => ({ name, path, namespace: namespaces.get(context) ?? '' }));
  };
  return (request: RequestContext): KubeconfigFacts | undefined => {
    const address = addressFor(request, options);
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
  return request => {
    const address = addressFor(request, options);
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

/**
 * The URL at which the caller reached the proxy, without a final slash: `--public-url`, else the Host header, else the address of the
 * connection. X-Forwarded-* and Forwarded do not count, because anybody can send them. Undefined on a Unix socket.
 */
export function addressFor(
  { raw: { socket }, head }: Pick<RequestContext, 'raw' | 'head'>,
  { publicUrl, disableFilter }: AddressOptions,
): string | undefined {
  if (publicUrl !== '') return publicUrl;
  const { localAddress, localPort } = socket;
  if (localAddress === undefined) return undefined;
  const scheme = 'encrypted' in socket ? 'https' : 'http';
  const named = disableFilter ? undefined : hostOf(head.host ?? '');
  return `${scheme}://${named ?? `${bracketed(localAddress)}:${localPort}`}`;
}

const plainHost = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]{1,255})(?::(\d{0,5}))?$/i;

/**
 * A host, with its port, that every client reads in the same way; undefined for any other string. The Host guard may accept such strings if
 * `--accept-hosts` allows them.
 */
function hostOf(field: string): string | undefined {
  const [, host = '', port = ''] = plainHost.exec(field) ?? [];
  if (host === '' || (host.startsWith('[') && !isIPv6(host.slice(1, -1)))) return undefined;
  if (port === '') return host;
  const number = Number(port);
  return number >= 1 && number <= 65_535 ? `${host}:${number}` : undefined;
}

/** An IPv4 client of an IPv6 listener sees an address that begins with `::ffff:`. */
function bracketed(address: string): string {
  const plain = address.replace(/^::ffff:/i, '');
  if (isIPv4(plain)) return plain;
  return `[${address}]`;
}
