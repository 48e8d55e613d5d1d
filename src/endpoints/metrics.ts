import type { RouteHandlerMethod } from 'fastify';
import type { OwnEndpoint, OwnEndpointParts } from './own-endpoint.js';

/** The options that the endpoint reads. */
export interface MetricsOptions {
  readonly adminPort: number | undefined;
}

/** The proxy's own metrics. With an admin listener, they are there alone: not every caller may learn what others do. */
export const metrics = {
  name: 'metrics',
  title: "the proxy's own metrics",
  access: 'caller',
  isServed: ({ adminPort }: MetricsOptions) => adminPort === undefined,
  create({ metrics }: Pick<OwnEndpointParts, 'metrics'>): RouteHandlerMethod {
    return async (_request, reply) => {
      reply.type(metrics.registry.contentType);
      return metrics.registry.metrics();
    };
  },
} as const satisfies OwnEndpoint<MetricsOptions>;
