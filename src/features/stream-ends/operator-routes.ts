import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { StatusError } from '../../kubernetes/status.js';

/** What an operator may ask and do about the open streams. Both functions may throw a StatusError. */
export interface OperatorActions {
  /** What a GET of `/streams` gets, as JSON. */
  list(query: URLSearchParams): object;
  /**
   * What a DELETE does, and gets.
   *
   * @param id The segment below `/streams`, decoded; undefined for the path itself.
   */
  end(query: URLSearchParams, id: string | undefined): object;
}

/**
 * Adds `/streams` to the admin listener. It is for an operator inside the Pod alone: everybody who may reach the port, such as Prometheus,
 * could use it otherwise. No page of a browser can send a DELETE.
 */
export function addOperatorRoutes(admin: FastifyInstance, { list, end }: OperatorActions): void {
  admin.get('/streams', { onRequest: refuseOthers }, async request => list(queryOf(request)));
  const direct = { onRequest: [refuseOthers, refusePages] };
  admin.delete('/streams', direct, async request => end(queryOf(request), undefined));
  admin.delete<{ Params: { id: string } }>('/streams/:id', direct, async request =>
    end(queryOf(request), request.params.id),
  );
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
