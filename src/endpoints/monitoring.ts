import type { RouteHandlerMethod } from 'fastify';
import { createExposition } from '../observability/metrics/exposition.js';
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
    const exposition = createExposition(metrics.registry);
    return async (_request, reply) => {
      reply.type(metrics.registry.contentType);
      return exposition();
    };
  },
} as const satisfies OwnEndpoint<MetricsOptions>;

/** Whether the process answers. */
export const livez = probe('livez', 'whether the process answers');

/** Whether the proxy can serve requests. */
export const readyz = probe('readyz', 'whether requests can be served; ?verbose lists the checks');

function probe(name: 'livez' | 'readyz', title: string) {
  return {
    name,
    title,
    access: 'probe',
    create({
      health,
      isCaller,
    }: Pick<OwnEndpointParts, 'health'> & Partial<Pick<OwnEndpointParts, 'isCaller'>>): RouteHandlerMethod {
      return async (request, reply) => {
        const asks = isCaller && (() => isCaller(request.context));
        const { code, body } = await health[name](queryOf(request.originalUrl), asks);
        reply.code(code).type('text/plain; charset=utf-8').header('Cache-Control', 'no-cache, private');
        return body;
      };
    },
  } as const satisfies OwnEndpoint;
}

function queryOf(url: string): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}
