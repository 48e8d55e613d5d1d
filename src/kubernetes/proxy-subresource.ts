/**
 * The proxy subresource of Pods, Services and nodes in the one spelling that every program reads alike. Names may contain a scheme and a
 * port (`https:web:443`).
 */
const plainSpelling = /^\/api\/v1\/(?:nodes|namespaces\/[\w.-]+\/(?:pods|services))\/[\w.:-]+\/proxy(?:\/|$)/;

/**
 * Returns the beginning of a path up to the final slash of `/api/v1/…/proxy/`, even if the path ends before that slash. Returns undefined
 * for all other paths, such as another spelling of that subresource, or a subresource of the same name in another group.
 *
 * @param path As sent, below the path of the server's URL.
 */
export function proxySubresource(path: string): string | undefined {
  const start = plainSpelling.exec(path)?.[0];
  return start === undefined || start.endsWith('/') ? start : `${start}/`;
}
