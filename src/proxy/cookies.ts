import type { RequestContext } from '../request/context.js';

/**
 * Begins a cookie that browsers accept for the whole host alone (RFC 6265bis, `__Host-`). A cookie without a name is sent as its value, so a
 * value that begins in this way could pass for such a cookie.
 */
const hostCookie = /^[\s=]*__host-/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression searches for them
const control = /[\x00-\x08\x0a-\x1f\x7f]/;
/**
 * A path that browsers take from a cookie as it is, and that is not the whole host. Browsers ignore an attribute of more than 1,024 bytes
 * (RFC 6265bis, section 5.6), and would choose a path themselves.
 */
const acceptedPath = /^\/[ -:<-~]{1,1023}$/;

/**
 * Returns a Set-Cookie field that confines the cookie to where it came from, because one origin has the cookies of all Pods and clusters: without
 * Domain, and with the Path of the program that sent it. Returns undefined for a cookie that cannot be confined.
 */
export function confinedCookie(field: string, request: RequestContext): string | undefined {
  const [pair, ...attributes] = field.split(';') as [string, ...string[]];
  if (hostCookie.test(pair) || control.test(field)) return undefined;
  const kept = [pair];
  let askedPath = '';
  for (const attribute of attributes) {
    const name = attribute.split('=', 1)[0] as string;
    const key = name.trim().toLowerCase();
    // Browsers use the last one.
    if (key === 'path') askedPath = attribute.slice(name.length + 1).trim();
    else if (key !== 'domain') kept.push(attribute);
  }
  const path = confinedPath(askedPath, request);
  return acceptedPath.test(path) ? `${kept.join(';')}; Path=${path}` : undefined;
}

/**
 * The path for a cookie: below the proxy subresource, the program's own path there. Everything else has the path of the aggregated API, or
 * the folder of the request.
 */
function confinedPath(
  askedPath: string,
  { path: { prefix, forServer, serverPath, api, proxied } }: RequestContext,
): string {
  const server = prefix + serverPath;
  if (proxied !== undefined) {
    const root = server + proxied;
    if (!askedPath.startsWith('/')) return root;
    const isBelow = askedPath.startsWith(root) || askedPath === root.slice(0, -1);
    return isBelow ? askedPath : root + askedPath.slice(1);
  }
  const group = api && /^\/apis\/[^/]+\/[^/]+(?=\/|$)/.exec(api)?.[0];
  if (group) return `${server}${group}/`;
  const path = prefix + forServer.rawPath;
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  // The whole host confines nothing.
  return folder === '/' ? path : folder;
}
