import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { AdminEndpoint } from '../endpoints/admin-endpoint.js';
import { metrics } from '../endpoints/metrics.js';
import type { OwnEndpointParts } from '../endpoints/own-endpoint.js';
import { livez, readyz } from '../endpoints/probes.js';
import { noSniff, ownPagesOnly } from '../http/browser-fields.js';
import { createStatus } from '../kubernetes/status.js';

/**
 * The admin listener: `/metrics`, `/livez` and `/readyz` for Prometheus and the kubelet. They come from outside of the Pod and use its
 * address as host. Besides, it has the endpoints of features, which are for loopback alone. The listener serves nothing else, and above all
 * not the API, so it needs no filter.
 */
export async function buildAdminServer(
  parts: Pick<OwnEndpointParts, 'metrics' | 'health'>,
  endpoints: readonly AdminEndpoint[],
): Promise<FastifyInstance> {
  const app = fastify({ logger: false, schemaController: schemaless, forceCloseConnections: true });
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header(...noSniff).header(...ownPagesOnly);
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
  for (const { path, answer } of endpoints) {
    app.get(path, async (request, reply) => {
      if (isFromLoopback(request)) return reply.header('Cache-Control', 'no-store').send(answer());
      const message = `${path} is only for clients in the Pod: use kubectl port-forward or kubectl exec`;
      return reply.code(403).send(createStatus(403, message));
    });
  }
  return app;
}

/** Other addresses of loopback may belong to a sidecar that sends requests on from elsewhere: Istio's uses 127.0.0.6. */
const loopback: ReadonlySet<string | undefined> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/**
 * Whether a request comes from this Pod, by `kubectl port-forward` for example. A host name of another kind is that of a web page whose name
 * leads to loopback (DNS rebinding), or of a proxy in front.
 */
function isFromLoopback({ raw, headers }: FastifyRequest): boolean {
  const isNamed = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i.test(headers.host ?? '');
  return isNamed && loopback.has(raw.socket.remoteAddress);
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
