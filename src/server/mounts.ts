import type { Destination, Mount } from '../request/mount.js';

/** The prefixes that divide the paths of the main listener; each begins and ends with a slash. */
export interface Prefixes {
  readonly apiPrefix: string;
  /** Undefined when no folder is served. */
  readonly wwwPrefix: string | undefined;
  /** Whether the path of the server's URL is put before each path that goes to the API server. */
  readonly appendServerPath: boolean;
}

/** Paths of the proxy's own on the main listener: what is below is never the API server's. */
export const ownPrefix = '/-/';

const own = { isApi: false, isCounted: false, appendsServerPath: false } as const;

/** The proxy's own endpoints, by their paths. */
const ownMounts: ReadonlyMap<string, Mount> = new Map(
  (
    [
      ['metrics', 'caller'],
      ['livez', 'public'],
      ['readyz', 'public'],
    ] as const
  ).map(([name, access]) => [ownPrefix + name, { route: ownPrefix + name, access, ...own }]),
);

/** A folder of files. */
export const filesMount: Mount = { ...own, route: '/static', access: 'caller', isCounted: true };
/** Where nothing answers. */
const noMount: Mount = { ...own, route: '/none', access: 'caller', isCounted: true };
/** The route of all API servers. */
export const apiRoute = '/api';

/**
 * Decides where a request goes, from its target as sent. It divides paths as net/http's ServeMux does: the longest prefix wins, and a
 * prefix without its final slash is the prefix itself. Only the plain spelling of a prefix counts; all others are the API server's to answer.
 */
export function createMounts({
  apiPrefix,
  wwwPrefix,
  appendServerPath,
}: Prefixes): (rawUrl: string) => Destination {
  const api: Mount = {
    ...{ route: apiRoute, access: 'caller', isApi: true, isCounted: true },
    appendsServerPath: appendServerPath,
  };
  const belowPrefix = createStripPrefix(apiPrefix);
  return rawUrl => {
    if (rawUrl.startsWith(ownPrefix)) {
      return { mount: ownMounts.get(pathOf(rawUrl)) ?? noMount, target: rawUrl };
    }
    const isApi = isUnder(rawUrl, apiPrefix);
    if (wwwPrefix !== undefined && isUnder(rawUrl, wwwPrefix)) {
      const isLonger = isApi && apiPrefix.length > wwwPrefix.length;
      if (!isLonger) return { mount: filesMount, target: rawUrl };
    }
    // What is not a path goes to the guards, which say so.
    if (isApi || rawUrl.charCodeAt(0) !== 0x2f) return { mount: api, target: belowPrefix(rawUrl) };
    return { mount: noMount, target: rawUrl };
  };
}

function isUnder(rawUrl: string, prefix: string): boolean {
  return rawUrl.startsWith(prefix) || pathOf(rawUrl) === prefix.slice(0, -1);
}

/**
 * Gives the target below the prefix. kubectl leaves a prefix that begins with /api in place (`pkg/proxy`, NewProxyHandler), so that
 * `--api-prefix=/api/` serves nothing but /api.
 */
function createStripPrefix(apiPrefix: string): (rawUrl: string) => string {
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
