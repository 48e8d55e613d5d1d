import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Cluster } from '../clusters/cluster.js';
import type { ClusterRegistry } from '../clusters/registry.js';
import type { ApiPaths, ServedOwnEndpoint } from '../endpoints/own-endpoint.js';
import { percentDecoded } from '../http/percent-encoding.js';
import type { Destination, Mount } from '../request/mount.js';
import { refuseRequest } from './listener/client-error.js';

/** The options that divide the paths of the main listener. */
export interface MountOptions {
  /** Path prefix of the API; begins and ends with a slash. */
  readonly apiPrefix: string;
  /** Path prefix of the static files; undefined if none are served. */
  readonly wwwPrefix: string | undefined;
  /** Whether the proxy adds the path of the server's URL to each path that goes to the API server of `/`. */
  readonly appendServerPath: boolean;
  /** Whether there are API servers below `/clusters/`. */
  readonly servesClusters: boolean;
  /** The path that has been removed from all targets, without a final slash; empty if there is none. Clients send it in front of all others. */
  readonly basePath: string;
}

/** What is read of an endpoint. */
type OwnEndpointPath = Pick<ServedOwnEndpoint, 'name' | 'access'>;

/** What is read of the registry of clusters. */
type Registry = Pick<ClusterRegistry, 'default' | 'names' | 'get'>;

/** Prefix of the proxy's own paths on the main listener. Paths below it never go to the API server. */
export const ownPrefix = '/-/';
const clustersPrefix = '/clusters/';

/** The route of requests to any API server. */
export const apiRoute = '/api';

const own = {
  ...{ isApi: false, isCounted: false, namesContext: false },
  ...{ relocates: false, appendsServerPath: false },
} as const;

/** Static files. */
export const filesMount: Mount = { ...own, route: '/static', access: 'caller', isCounted: true };
/** A path where nothing is served. */
const noMount: Mount = { ...own, route: '/none', access: 'caller', isCounted: true };
/** A path below `/clusters/` that names no existing context. */
export const unknownContextMount: Mount = { ...noMount, route: '/unknown-context', namesContext: true };

/** The API server of a context. */
const contextMount: Mount = {
  route: apiRoute,
  access: 'caller',
  isApi: true,
  isCounted: true,
  namesContext: true,
  relocates: true,
  appendsServerPath: true,
};

/**
 * The path prefix in URLs of the API server of `/`, without a final slash. kubectl does not remove a prefix that begins with /api
 * (`pkg/proxy`, NewProxyHandler): `--api-prefix=/api/` serves only /api.
 */
function apiPath(apiPrefix: string): string {
  return apiPrefix === '/' || apiPrefix.startsWith('/api') ? '' : apiPrefix.slice(0, -1);
}

/** Says at which paths callers reach the API servers. */
export function createApiPaths(
  { apiPrefix, appendServerPath }: Pick<MountOptions, 'apiPrefix' | 'appendServerPath'>,
  registry: ClusterRegistry,
): ApiPaths {
  const prefix = apiPath(apiPrefix);
  return {
    prefix,
    get root() {
      // Clients send the path of the server's URL themselves, as they do to kubectl proxy.
      return prefix + (appendServerPath ? '' : (registry.default.endpoint?.config.server.path ?? ''));
    },
    of(name) {
      // Half a surrogate pair in a name cannot be encoded, and is replaced by U+FFFD.
      return registry.names.has(name) ? clustersPrefix + encodeURIComponent(name.toWellFormed()) : this.root;
    },
  };
}

/**
 * Decides where a request goes, from its target as sent. It divides paths as net/http's ServeMux does: the longest prefix wins, and a
 * prefix without its final slash means the prefix itself. Apart from the name of a context, a prefix must be spelled exactly; all other
 * spellings go to the API server.
 *
 * @param endpoints Those of the proxy itself that are served.
 */
export function createMounts(
  { apiPrefix, wwwPrefix, appendServerPath, servesClusters, basePath }: MountOptions,
  clusters: Registry,
  endpoints: readonly OwnEndpointPath[],
): (rawUrl: string) => Destination {
  const api: Mount = {
    ...{ ...contextMount, namesContext: false, relocates: basePath !== '' },
    appendsServerPath: appendServerPath,
  };
  const findOwn = createOwnSearch(endpoints);
  const removed = apiPath(apiPrefix);
  const findContext = createContextSearch(clusters);
  const at = (mount: Mount, target: string, prefix = '', cluster = clusters.default): Destination => {
    return { mount, target, prefix: basePath + prefix, cluster };
  };
  return rawUrl => {
    if (rawUrl.startsWith(ownPrefix)) return at(findOwn(pathOf(rawUrl)), rawUrl);
    if (servesClusters && isUnder(rawUrl, clustersPrefix)) {
      const found = findContext(rawUrl);
      if (found === undefined) return at(unknownContextMount, rawUrl);
      const prefix = rawUrl.slice(0, found.end);
      return at(contextMount, withoutPrefix(rawUrl, prefix), prefix, found.cluster);
    }
    const isApi = isUnder(rawUrl, apiPrefix);
    if (wwwPrefix !== undefined && isUnder(rawUrl, wwwPrefix)) {
      const isLonger = isApi && apiPrefix.length > wwwPrefix.length;
      if (!isLonger) return at(filesMount, rawUrl);
    }
    if (isApi) return at(api, withoutPrefix(rawUrl, removed), removed);
    // A target that is not a path goes to the guards, which reject it.
    return at(rawUrl.charCodeAt(0) === 0x2f ? noMount : api, rawUrl);
  };
}

/** Finds the endpoint of a path below `/-/`. */
function createOwnSearch(endpoints: readonly OwnEndpointPath[]): (path: string) => Mount {
  const mounts = new Map(
    endpoints.map(({ name, access }): [string, Mount] => {
      const route = ownPrefix + name;
      return [route, { ...own, route, access }];
    }),
  );
  const folders = endpoints.map(({ name }) => ownPrefix + name).filter(path => /[^/-]\/$/.test(path));
  return path => {
    const folder = folders.find(folder => path.startsWith(folder) || path === folder.slice(0, -1));
    return mounts.get(folder ?? path) ?? noMount;
  };
}

/**
 * Finds the context that a path below `/clusters/` names, and where the name ends. A client may send the slashes of a name encoded or not:
 * kubectl decodes the path of a server's URL. The longest name wins.
 */
function createContextSearch(clusters: Registry) {
  let searched: ReadonlySet<string> | undefined;
  let mostSegments = 0;
  return (rawUrl: string): { readonly cluster: Cluster; readonly end: number } | undefined => {
    const { names } = clusters;
    if (names !== searched) {
      searched = names;
      mostSegments = Math.max(0, ...[...names].map(name => name.split('/').length));
    }
    const path = pathOf(rawUrl);
    const ends: number[] = [];
    for (let end = clustersPrefix.length - 1; end < path.length && ends.length < mostSegments; ) {
      const next = path.indexOf('/', end + 1);
      end = next === -1 ? path.length : next;
      ends.push(end);
    }
    for (const end of ends.reverse()) {
      const cluster = clusters.get(percentDecoded(path.slice(clustersPrefix.length, end)).toString());
      if (cluster !== undefined) return { cluster, end };
    }
    return undefined;
  };
}

function isUnder(rawUrl: string, prefix: string): boolean {
  return rawUrl.startsWith(prefix) || pathOf(rawUrl) === prefix.slice(0, -1);
}

/** Removes a prefix, which has no final slash, from a target. */
function withoutPrefix(rawUrl: string, prefix: string): string {
  const target = rawUrl.slice(prefix.length);
  return target.charCodeAt(0) === 0x2f ? target : `/${target}`;
}

function pathOf(rawUrl: string): string {
  const mark = rawUrl.indexOf('?');
  return mark === -1 ? rawUrl : rawUrl.slice(0, mark);
}

/**
 * Puts what serves requests behind a path that nobody can guess. The path is removed from the target of a request before anything else reads
 * it, so that no guard, log line or event can tell it. What is not below it gets one and the same 404; so do the proxy's own endpoints.
 *
 * @param path Begins with a slash and does not end with one. Only ASCII. If it is empty, there is no such path.
 */
export function createBasePath(path: string): (serve: RequestListener) => RequestListener {
  if (path === '') return serve => serve;
  const expected = Buffer.from(path, 'latin1');
  return serve => (request, response) => {
    if (enters(request, expected)) serve(request, response);
    else refuseRequest(response, 404, 'nothing is served here');
  };
}

function enters(request: IncomingMessage, expected: Buffer): boolean {
  const url = request.url as string;
  const start = Buffer.from(url.slice(0, expected.length), 'latin1');
  if (start.length !== expected.length || !timingSafeEqual(start, expected)) return false;
  const rest = url.slice(expected.length);
  if (!/^(?:[/?]|$)/.test(rest) || rest.startsWith(ownPrefix)) return false;
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  return true;
}
