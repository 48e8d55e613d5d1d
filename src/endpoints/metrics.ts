import type { RouteHandlerMethod } from 'fastify';
import { fieldValue } from '../http/header-fields.js';
import type { OwnEndpoint, OwnEndpointParts } from './own-endpoint.js';

/** The proxy's own metrics. */
export const metrics = {
  name: 'metrics',
  title: "the proxy's own metrics",
  access: 'caller',
  create({ metrics }: Pick<OwnEndpointParts, 'metrics'>): RouteHandlerMethod {
    return async (request, reply) => {
      const { contentType, text } = await metrics.render(fieldValue(request.raw.rawHeaders, 'accept') ?? '');
      reply.type(contentType);
      return text;
    };
  },
} as const satisfies OwnEndpoint;
