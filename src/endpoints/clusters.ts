import type { OwnEndpoint } from './own-endpoint.js';

/**
 * The contexts, their paths and their states, as JSON: `{"root": {"path"}, "clusters": [{"name", "path", "server", …}]}`, and what pages have
 * to know about tokens and certificates.
 */
export const clusters = {
  name: 'clusters',
  title: 'the clusters that are served, and their state',
  access: 'caller',
  create({ clusterStates, apiPaths, tokenRules, hasOwnAuthority }) {
    return async ({ context }, reply) => {
      reply.headers({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      const { root } = apiPaths;
      const states = (await clusterStates()).map(({ name, ...state }) => {
        return { name, path: apiPaths.of(name), ...state };
      });
      const answer = {
        root: { path: root },
        ...tokenRules,
        hasOwnAuthority: hasOwnAuthority(context),
        clusters: states,
      };
      return `${JSON.stringify(answer, undefined, 2)}\n`;
    };
  },
} as const satisfies OwnEndpoint;
