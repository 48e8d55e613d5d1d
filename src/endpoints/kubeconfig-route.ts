import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { StatusError } from '../kubernetes/status.js';
import type { RequestContext } from '../request/context.js';
import { type KubeconfigFacts, kubeconfigOf } from './kubeconfig.js';

/** Where the kubeconfig is served, and what it says. */
export interface KubeconfigRouteOptions {
  readonly route: string;
  /** Undefined where the proxy has no address that a client could use. */
  readonly factsFor: (request: RequestContext) => KubeconfigFacts | undefined;
}

/** Serves a kubeconfig for this proxy, as the caller reached it. */
export const kubeconfigRoute = fp(registerKubeconfigRoute, { name: 'kubeconfig-route' });

async function registerKubeconfigRoute(
  app: FastifyInstance,
  { route, factsFor }: KubeconfigRouteOptions,
): Promise<void> {
  app.get(route, async ({ context }, reply) => {
    const facts = factsFor(context);
    if (facts === undefined) {
      throw new StatusError(404, 'a Unix socket has no URL for a kubeconfig; set --public-url');
    }
    reply.headers({
      'Content-Type': 'application/yaml',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    });
    return kubeconfigOf(facts);
  });
}
