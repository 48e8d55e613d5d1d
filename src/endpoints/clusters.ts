import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { ClusterStates } from '../clusters/states.js';

/** What the endpoint answers with, and its route. */
export interface ClustersEndpointOptions {
  readonly clusterStates: ClusterStates;
  readonly route: string;
}

/** Serves which contexts there are, and how they are, as JSON: `{"clusters": [{"name", "server", "current", "state", …}]}`. */
export const clustersEndpoint = fp(registerClusters, { name: 'clusters' });

async function registerClusters(app: FastifyInstance, options: ClustersEndpointOptions): Promise<void> {
  const { clusterStates, route } = options;
  app.get(route, async (_request, reply) => {
    reply.headers({
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    });
    return `${JSON.stringify({ clusters: await clusterStates.states() }, undefined, 2)}\n`;
  });
}
