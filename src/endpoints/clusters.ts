import type { OwnEndpoint } from './own-endpoint.js';

/** Which contexts there are, and how they are, as JSON: `{"clusters": [{"name", "server", "current", "state", …}]}`. */
export const clusters = {
  name: 'clusters',
  access: 'caller',
  isServed: ({ allContexts }) => allContexts,
  create({ clusterStates }) {
    return async (_request, reply) => {
      reply.headers({
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      });
      return `${JSON.stringify({ clusters: await clusterStates.states() }, undefined, 2)}\n`;
    };
  },
} as const satisfies OwnEndpoint;
