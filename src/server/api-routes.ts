import { METHODS } from 'node:http';
import httpProxy from '@fastify/http-proxy';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { ProxyContext } from '../proxy/client-request.js';
import { PlainRequest } from '../proxy/plain-request.js';
import { Upgrade } from '../proxy/upgrade.js';
import type { OpenRequest } from '../request/context.js';

/** The methods of requests to the API server: all that Node's parser knows except CONNECT, at which Node ends the connection: this is no forward proxy. */
export const routedMethods = METHODS.filter(method => method !== 'CONNECT');

/** What requests to the API server need. */
export interface ProxyOptions {
  readonly context: ProxyContext;
  /** The route for every request to the API server. The path as sent is in `request.context.target`. */
  readonly route: string;
}

/**
 * Serves every request to the API server, plain or with an upgrade. @fastify/http-proxy registers the routes and their methods, and leaves
 * bodies unparsed. Its `preHandler` answers the request and does not call `done`, so the package's own handler never runs: it would parse
 * the target three times as a URL, and even with the `handler` option a small GET took 10 % more CPU time.
 */
export const proxyPlugin = fp(registerProxy, { name: 'kube-api-proxy' });

async function registerProxy(app: FastifyInstance, { context, route }: ProxyOptions): Promise<void> {
  // Bodies are only bytes: with `hasBody: false`, Fastify does not parse, limit or refuse them.
  for (const method of routedMethods) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });

  await app.register(httpProxy, {
    // The package requires an address, but nothing uses it.
    upstream: 'http://api-server.invalid',
    prefix: route,
    routes: ['/'],
    httpMethods: routedMethods,
    proxyPayloads: false,
    disableRequestLogging: true,
    // With these three options, @fastify/reply-from uses Node's own agents: it makes no client, no agent and no cache.
    http: {},
    globalAgent: true,
    disableCache: true,
    preHandler: request => {
      const client = request.context as OpenRequest;
      if (request.raw.upgrade) new Upgrade(context, client).start();
      else new PlainRequest(context, client).start();
    },
  });
}
