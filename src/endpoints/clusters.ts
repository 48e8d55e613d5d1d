import type { ServingCertificate } from '../http/listener.js';
import type { OwnEndpoint } from './own-endpoint.js';

/**
 * The contexts, their paths and their states, as JSON: `{"root": {"path"}, "clusters": [{"name", "path", "server", …}]}`, what pages have
 * to know about tokens and certificates, and who the caller is, if callers are authenticated.
 */
export const clusters = {
  name: 'clusters',
  title: 'the clusters that are served, and their state',
  access: 'caller',
  create({ shownTo, clusterStates, registry, apiPaths, tokenRules, addressFor, certificate }) {
    return async ({ context }, reply) => {
      reply.headers({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      const { names, unknown, isComplete } = await shownTo(context.caller);
      const states = (await clusterStates(names)).map(({ name, ...state }) => ({
        name,
        path: apiPaths.of(name),
        ...state,
        ...(unknown.has(name) && { access: 'unknown' }),
      }));
      const answer = {
        root: { path: names.has(registry.default.name) ? apiPaths.root : apiPaths.prefix },
        ...(isComplete !== undefined && { isComplete }),
        ...tokenRules,
        hasOwnAuthority: hasOwnAuthority(addressFor(context), certificate()),
        ...(context.caller !== undefined && { caller: { username: context.caller.username } }),
        clusters: states,
      };
      return `${JSON.stringify(answer, undefined, 2)}\n`;
    };
  },
} as const satisfies OwnEndpoint;

/**
 * Whether clients have to be told the authority of the proxy's certificate, at the address that the caller used. They do not if another
 * program ends TLS there with a certificate of its own.
 */
function hasOwnAuthority(address: string | undefined, certificate: ServingCertificate | undefined): boolean {
  if (address === undefined || certificate === undefined) return false;
  const { protocol, hostname } = new URL(address);
  return protocol === 'https:' && certificate.isFor(hostname) && !certificate.isPublic;
}
