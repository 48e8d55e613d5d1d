import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { fieldValue } from '../http/header-fields.js';
import type { Exposition } from '../observability/metrics/exposition.js';
import type { Health } from './health.js';

/** The proxy's own metrics and health, and the prefix that they are served under. */
export interface OwnEndpointsOptions {
  readonly exposition: Exposition;
  readonly health: Health;
  /** With both slashes. */
  readonly path: string;
}

/** Serves the proxy's own metrics and health: `metrics`, `livez` and `readyz` below a prefix. */
export const ownEndpoints = fp(registerOwnEndpoints, { name: 'own-endpoints' });

async function registerOwnEndpoints(app: FastifyInstance, options: OwnEndpointsOptions): Promise<void> {
  const { exposition, health, path } = options;
  app.get(`${path}metrics`, async (request, reply) => {
    const { contentType, text } = await exposition.render(fieldValue(request.raw.rawHeaders, 'accept') ?? '');
    reply.type(contentType);
    return text;
  });
  for (const kind of ['livez', 'readyz'] as const) {
    app.get(`${path}${kind}`, async (request, reply) => {
      const { code, body } = await health.answer(kind, queryOf(request.originalUrl));
      reply.code(code).headers({
        'Content-Type': 'text/plain; charset=utf-8',
        'Cache-Control': 'no-cache, private',
        'X-Content-Type-Options': 'nosniff',
      });
      return body;
    });
  }
}

function queryOf(url: string): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}
