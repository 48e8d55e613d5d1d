import type { RequestContext } from '../request/context.js';

/** What decides whether a redirect gets the prefix. */
export type PrefixedRequest = Pick<RequestContext, 'mount' | 'prefix' | 'cluster' | 'endpoint'>;

/**
 * Puts the prefix of a context before the paths of redirects that stay on its API server, in place of the path of the server's URL. A path
 * beside that of the server's URL becomes a whole URL, since here it would lead to the current cluster. Others stay as they are: paths
 * that are relative to the request's own, and other servers.
 *
 * @param headers Name, value, name, value, …; changed in place.
 */
export function relocate(headers: string[], { mount, prefix, cluster, endpoint }: PrefixedRequest): void {
  if (!mount.namesContext) return;
  const { server } = endpoint.config;
  for (let index = 0; index < headers.length; index += 2) {
    if (!/^(?:content-)?location$/i.test(headers[index] as string)) continue;
    const location = headers[index + 1] as string;
    const path = pathOn(server, location);
    if (path === undefined) continue;
    const below = pathBelow(server, path);
    if (below !== undefined) headers[index + 1] = prefix + below;
    else if (path === location) headers[index + 1] = `${server.protocol}//${cluster.host}${path}`;
  }
}

type ServerAddress = PrefixedRequest['endpoint']['config']['server'];

/** The path, and what follows it, below the path of the server's URL; undefined for what does not stay there. */
function pathBelow(server: ServerAddress, path: string): string | undefined {
  if (!path.startsWith(server.path)) return undefined;
  const rest = path.slice(server.path.length);
  if (rest === '') return '/';
  if (rest.startsWith('/')) return rest;
  return /^[?#]/.test(rest) ? `/${rest}` : undefined;
}

/** The path as the location has it, if that is on this server; else undefined. */
function pathOn(server: ServerAddress, location: string): string | undefined {
  if (location.startsWith('/') && !/^\/[/\\]/.test(location)) return location;
  const authority = /^([a-z][a-z0-9+.-]*:)?\/\/[^/?#\\]*/i.exec(location);
  if (authority === null) return undefined;
  const [start, scheme = server.protocol] = authority;
  const origin = scheme + start.slice(start.indexOf('//'));
  if (!URL.canParse(origin)) return undefined;
  const { protocol, hostname, port } = new URL(origin);
  const isSame =
    protocol === server.protocol &&
    hostname.replace(/^\[|\]$/g, '') === server.hostname &&
    Number(port || (protocol === 'https:' ? 443 : 80)) === server.port;
  return isSame ? location.slice(start.length) : undefined;
}
