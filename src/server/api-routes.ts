import { METHODS } from 'node:http';
import httpProxy from '@fastify/http-proxy';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { ProxyContext } from '../proxy/outbound-request.js';
import { PlainRequest } from '../proxy/plain-request.js';
import { Upgrade } from '../proxy/upgrade.js';

/** The methods of requests to the API server: all that Node's parser knows but CONNECT, for which Node has an event of its own. */
export const routedMethods = METHODS.filter(method => method !== 'CONNECT');

/** What requests to the API server need. */
export interface ProxyOptions {
  readonly context: ProxyContext;
  /** The route that stands for every request to the API server; its path as sent is in `request.context.target`. */
  readonly route: string;
}

/**
 * Every request to the API server, plain or with an upgrade. @fastify/http-proxy registers the routes and their methods, and leaves bodies
 * unparsed. Its `preHandler` answers the request and does not call `done`, so the package's own handler never runs. That handler parses the
 * target three times as a URL, also where the `handler` option replaces its client: a small GET took 10 % more CPU time with that option.
 */
export const proxyPlugin = fp(registerProxy, { name: 'kube-api-proxy' });

async function registerProxy(app: FastifyInstance, { context, route }: ProxyOptions): Promise<void> {
  // Bodies are bytes: without a body of Fastify's own, nothing parses, limits or refuses one.
  for (const method of routedMethods) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });

  await app.register(httpProxy, {
    // The package asks for an address, which nothing uses.
    upstream: 'http://api-server.invalid',
    prefix: route,
    routes: ['/'],
    httpMethods: routedMethods,
    proxyPayloads: false,
    disableRequestLogging: true,
    // Together they leave @fastify/reply-from with Node's own agents: it makes no client, no agent and no cache.
    http: {},
    globalAgent: true,
    disableCache: true,
    preHandler: request => {
      if (request.raw.upgrade) new Upgrade(context, request.context).start();
      else new PlainRequest(context, request.context).start();
    },
  });
}
