import fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { livez, metrics, readyz } from '../endpoints/monitoring.js';
import type { OwnEndpointParts } from '../endpoints/own-endpoint.js';
import { noSniff, sameOriginOnly } from '../http/header-fields.js';
import { createStatus, StatusError } from '../kubernetes/status.js';

/**
 * The admin listener: `/metrics`, `/livez` and `/readyz` for Prometheus and the kubelet. They come from outside of the Pod and use its
 * address as host. Besides, it has the routes of features. The listener serves nothing else, and above all not the API, so it needs no filter.
 */
export async function buildAdminServer(
  parts: Pick<OwnEndpointParts, 'metrics' | 'health'>,
  routes: readonly ((admin: FastifyInstance) => void)[],
): Promise<FastifyInstance> {
  const app = fastify({ logger: false, schemaController: schemaless, forceCloseConnections: true });
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header(...noSniff).header(...sameOriginOnly);
    done();
  });
  app.setNotFoundHandler((request, reply) => {
    reply
      .code(404)
      .send(createStatus(404, `${request.url.split('?')[0]} is not served by the admin listener`));
  });
  app.get('/metrics', metrics.create(parts));
  app.get('/livez', livez.create(parts));
  app.get('/readyz', readyz.create(parts));
  for (const add of routes) add(app);
  app.setErrorHandler((error: FastifyError | StatusError, _request, reply) => {
    const code = error instanceof StatusError ? error.code : (error.statusCode ?? 500);
    reply.code(code).send(createStatus(code, error.message));
  });
  return app;
}

/**
 * Fastify's `schemaController` for an app without schemas. Without it, Fastify would load ajv and fast-json-stringify, 2 to 3 MB of an idle
 * process.
 */
export const schemaless = {
  compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema },
};

function refuseSchema(): never {
  throw new Error('routes have no schemas here');
}
