import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { livez, metrics, readyz } from '../endpoints/monitoring.js';
import type { AdminEndpoint, OwnEndpointParts } from '../endpoints/own-endpoint.js';
import { noSniff, sameOriginOnly } from '../http/header-fields.js';
import { createStatus, StatusError } from '../kubernetes/status.js';

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
  for (const { path, answer, remove } of endpoints) {
    const local = { onRequest: refuseOthers };
    app.get(path, local, async request => answer(queryOf(request)));
    if (remove === undefined) continue;
    const direct = { onRequest: [refuseOthers, refusePages] };
    app.delete(path, direct, async request => remove(queryOf(request), undefined));
    app.delete<{ Params: { name: string } }>(`${path}/:name`, direct, async request =>
      remove(queryOf(request), request.params.name),
    );
  }
  app.setErrorHandler((error: FastifyError | StatusError, _request, reply) => {
    const code = error instanceof StatusError ? error.code : (error.statusCode ?? 500);
    reply.code(code).send(createStatus(code, error.message));
  });
  return app;
}

function queryOf({ url }: FastifyRequest): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start));
}

async function refuseOthers(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('Cache-Control', 'no-store');
  if (isFromLoopback(request)) return;
  const message = 'this is only for clients in the Pod: use kubectl port-forward or kubectl exec';
  throw new StatusError(403, message);
}

/**
 * Refuses what a page of a browser on this machine may send, be it one of another port or of a name that leads to loopback: with an Origin,
 * or with Fetch Metadata that do not say `none`, as for an address that a user types.
 */
async function refusePages({ headers }: FastifyRequest): Promise<void> {
  const isOfPage = Object.entries(headers).some(
    ([name, value]) => name === 'origin' || (name.startsWith('sec-fetch-') && value !== 'none'),
  );
  if (isOfPage) throw new StatusError(403, 'this is not for web pages: use curl');
}

/** Other addresses of loopback may belong to a sidecar that sends requests on from elsewhere: Istio's uses 127.0.0.6. */
const loopback: ReadonlySet<string | undefined> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/**
 * Whether a request comes from this Pod, by `kubectl port-forward` for example. A host name of another kind is that of a web page whose name
 * leads to loopback (DNS rebinding), or of a proxy in front. Of two hosts, Node would keep the first one.
 */
function isFromLoopback({ raw }: FastifyRequest): boolean {
  const hosts = raw.rawHeaders.filter(
    (_, index) => index % 2 === 1 && raw.rawHeaders[index - 1]?.toLowerCase() === 'host',
  );
  const isNamed = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i.test(hosts.join());
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
