import { METHODS } from 'node:http';
import httpProxy from '@fastify/http-proxy';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { HttpExchange } from './http-exchange.js';
import type { ProxyContext } from './outbound-request.js';
import { Upgrade } from './upgrade.js';

/** What the leg to the API server needs. */
export interface ProxyOptions {
  readonly context: ProxyContext;
  /** The route that stands for every request to the API server; its path as sent is in `request.target`. */
  readonly route: string;
}

/** Carries the exchange through @fastify/reply-from, which copies symbols as it copies headers. */
const exchangeKey = Symbol('exchange');

declare module 'fastify' {
  interface FastifyRequest {
    exchange: HttpExchange | undefined;
  }
}

/** What @fastify/reply-from calls in place of undici: the exchange does the rest itself, so that there is nothing to call back. */
const transport = {
  request({ headers }: { headers: { [exchangeKey]: HttpExchange } }): void {
    headers[exchangeKey].start();
  },
};

/**
 * Every request to the API server, plain or with an upgrade. Routing, hooks and the reply are @fastify/http-proxy's; the
 * transport is ours, because bytes must stay as they are: it takes the target as sent instead of a parsed URL, repeated headers
 * instead of an object, and writes the answer straight to the client.
 */
export const proxyPlugin = fp(registerProxy, { name: 'kube-api-proxy' });

async function registerProxy(app: FastifyInstance, { context, route }: ProxyOptions): Promise<void> {
  app.decorateRequest('exchange', undefined);
  const httpMethods = METHODS.filter(method => method !== 'CONNECT');
  // Bodies are bytes: without a body of Fastify's own, nothing parses, limits or refuses one.
  for (const method of httpMethods) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });

  await app.register(httpProxy, {
    upstream: `http://${context.upstream.host}`,
    prefix: route,
    routes: ['/'],
    httpMethods,
    proxyPayloads: false,
    retryMethods: [],
    disableRequestLogging: true,
    internalRewriteLocationHeader: false,
    undici: transport as never,
    handler: (request, reply, destination, from) => {
      if (request.raw.upgrade) {
        new Upgrade(context, request, reply).start();
      } else {
        request.exchange = new HttpExchange(context, request, reply);
        reply.from(destination, from);
      }
    },
    replyOptions: {
      rewriteRequestHeaders: request => ({ [exchangeKey]: request.exchange }) as never,
    },
  });
}
