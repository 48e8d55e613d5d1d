import { METHODS } from 'node:http';
import httpProxy from '@fastify/http-proxy';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { HttpExchange } from '../proxy/http-exchange.js';
import type { ProxyContext } from '../proxy/outbound-request.js';
import { Upgrade } from '../proxy/upgrade.js';

/** The methods that the API server can be asked with: all that Node's parser knows but CONNECT, which it tells of by itself. */
export const routedMethods = METHODS.filter(method => method !== 'CONNECT');

/** What the leg to the API server needs. */
export interface ProxyOptions {
  readonly context: ProxyContext;
  /** The route that stands for every request to the API server; its path as sent is in `request.context.target`. */
  readonly route: string;
}

/**
 * Every request to the API server, plain or with an upgrade. Routes, methods and bodies are @fastify/http-proxy's matter; the
 * request is carried from its preHandler, before its own handler would parse the target three times as a URL, copy the
 * headers into an object and hand both to its client. That cost 0.02 ms a request, a fifth of all that kubectl proxy
 * takes for a small one; and bytes must stay as they are.
 */
export const proxyPlugin = fp(registerProxy, { name: 'kube-api-proxy' });

async function registerProxy(app: FastifyInstance, { context, route }: ProxyOptions): Promise<void> {
  // Bodies are bytes: without a body of Fastify's own, nothing parses, limits or refuses one.
  for (const method of routedMethods) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });

  await app.register(httpProxy, {
    // Its own client would use this; ours has the address of the request's cluster.
    upstream: 'http://api-server.invalid',
    prefix: route,
    routes: ['/'],
    httpMethods: routedMethods,
    proxyPayloads: false,
    disableRequestLogging: true,
    // What it starts ends on the reply; the hook itself never calls on.
    preHandler: request => {
      if (request.raw.upgrade) new Upgrade(context, request.context).start();
      else new HttpExchange(context, request.context).start();
    },
  });
}
