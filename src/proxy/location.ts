import type { OpenRequest } from '../request/context.js';

/** The parts of a request that decide whether a redirect gets the prefix. */
export type PrefixedRequest = Pick<OpenRequest, 'mount' | 'path' | 'cluster' | 'endpoint'>;

/**
 * Changes redirects that stay on the API server: the request's prefix comes before them. It replaces the path of the server's URL where the
 * proxy adds that. A redirect to
 * another path on that server becomes a full URL, since here it would lead to the current cluster. Paths relative to the request's own
 * path, and redirects to other servers, stay as they are.
 *
 * @param headers Name, value, name, value, …; changed in place.
 */
export function relocate(headers: string[], request: PrefixedRequest): void {
  const { cluster, endpoint } = request;
  const { server } = endpoint.config;
  for (let index = 0; index < headers.length; index += 2) {
    if (!/^(?:content-)?location$/i.test(headers[index] as string)) continue;
    const location = headers[index + 1] as string;
    const path = pathOn(server, location);
    if (path === undefined) continue;
    const below = pathBelow(request.mount.appendsServerPath ? server.path : '', path);
    if (below !== undefined) headers[index + 1] = request.path.prefix + below;
    else if (path === location) headers[index + 1] = `${server.protocol}//${cluster.host}${path}`;
  }
}

type ServerAddress = PrefixedRequest['endpoint']['config']['server'];

/** Returns the path below another one, with its query and fragment; undefined if it is not below it. */
function pathBelow(serverPath: string, path: string): string | undefined {
  if (!path.startsWith(serverPath)) return undefined;
  const rest = path.slice(serverPath.length);
  if (rest === '') return '/';
  if (rest.startsWith('/')) return rest;
  return /^[?#]/.test(rest) ? `/${rest}` : undefined;
}

/** Returns the path as it is in the location, if it is on this server; otherwise undefined. */
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
    hostname.replace(/[[\]]/g, '') === server.hostname &&
    Number(port || (protocol === 'https:' ? 443 : 80)) === server.port;
  return isSame ? location.slice(start.length) : undefined;
}
