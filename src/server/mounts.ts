/** The prefixes that divide the paths of the main listener; each begins and ends with a slash. */
export interface Prefixes {
  readonly apiPrefix: string;
  /** Undefined when no folder is served. */
  readonly wwwPrefix: string | undefined;
}

/** Paths of the proxy's own on the main listener: what is below is never the API server's. */
export const ownPrefix = '/-/';

/**
 * The routes that requests are rewritten to. No client's spelling reaches the router, and so nothing but `routeOf` decides
 * where a request goes.
 */
export const routes = {
  api: '/api',
  static: '/static',
  none: '/none',
  own: new Map(['metrics', 'livez', 'readyz'].map(name => [ownPrefix + name, ownPrefix + name])),
} as const;

/** What a request's target has been rewritten to, by `routeOf`. */
interface Routed {
  readonly raw: { readonly url?: string | undefined };
}

export function isForApi({ raw: { url } }: Routed): boolean {
  return url === routes.api;
}

/** Whether a request is for the proxy itself. */
export function isOwn({ raw: { url } }: Routed): boolean {
  return url?.startsWith(ownPrefix) === true;
}

/** Kubelet and balancers have no credential. */
export function isProbe({ raw: { url } }: Routed): boolean {
  return url === `${ownPrefix}livez` || url === `${ownPrefix}readyz`;
}

/**
 * Divides paths as net/http's ServeMux does: the longest prefix wins, and a prefix without its final slash stands for itself.
 * Only the plain spelling of a prefix counts; all others are the API server's to answer.
 */
export function createRouteOf({ apiPrefix, wwwPrefix }: Prefixes): (rawUrl: string) => string {
  const isUnder = (rawUrl: string, prefix: string) =>
    rawUrl.startsWith(prefix) || pathOf(rawUrl) === prefix.slice(0, -1);
  return rawUrl => {
    if (rawUrl.startsWith(ownPrefix)) return routes.own.get(pathOf(rawUrl)) ?? routes.none;
    const api = isUnder(rawUrl, apiPrefix);
    if (wwwPrefix !== undefined && isUnder(rawUrl, wwwPrefix)) {
      return api && apiPrefix.length > wwwPrefix.length ? routes.api : routes.static;
    }
    // What is not a path at all goes to the guards, which say so.
    return api || rawUrl.charCodeAt(0) !== 0x2f ? routes.api : routes.none;
  };
}

/**
 * The request target below the prefix. kubectl leaves a prefix that begins with /api in place (`pkg/proxy`,
 * NewProxyHandler), so that `--api-prefix=/api/` serves nothing but /api.
 */
export function createStripPrefix(apiPrefix: string): (rawUrl: string) => string {
  if (apiPrefix === '/' || apiPrefix.startsWith('/api')) return rawUrl => rawUrl;
  return rawUrl => {
    if (rawUrl.startsWith(apiPrefix)) return rawUrl.slice(apiPrefix.length - 1);
    return rawUrl.charCodeAt(0) === 0x2f ? `/${rawUrl.slice(apiPrefix.length - 1)}` : rawUrl;
  };
}

function pathOf(rawUrl: string): string {
  const mark = rawUrl.indexOf('?');
  return mark === -1 ? rawUrl : rawUrl.slice(0, mark);
}
