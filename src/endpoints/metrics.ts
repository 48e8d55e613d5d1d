import type { RouteHandlerMethod } from 'fastify';
import type { OwnEndpoint, OwnEndpointParts } from './own-endpoint.js';

/** The proxy's own metrics. */
export const metrics = {
  name: 'metrics',
  title: "the proxy's own metrics",
  access: 'caller',
  create({ metrics }: Pick<OwnEndpointParts, 'metrics'>): RouteHandlerMethod {
    return async (_request, reply) => {
      reply.type(metrics.registry.contentType);
      return metrics.registry.metrics();
    };
  },
} as const satisfies OwnEndpoint;
