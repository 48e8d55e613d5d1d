import type { RequestContext } from '../request/context.js';
import type { CorsOptions } from './cors.js';
import { answered, type Check, everyMount, type Guard } from './guard.js';

/** A browser that asks before a request gets its answer at once. */
export const preflight = {
  name: 'preflight',
  options: {},
  reasons: [],
  judges: everyMount,
  create: ({ corsAllowedOrigins }: CorsOptions): Check | undefined =>
    corsAllowedOrigins === '' ? undefined : answerPreflight,
} as const satisfies Guard;

/**
 * Answers what a browser asks before a request from an allowed origin (Fetch, "CORS-preflight fetch"): like the API server, with 204 to every
 * OPTIONS, and before callers are authenticated, since browsers send no credentials with it. It never goes upstream.
 */
function answerPreflight({ raw, reply }: RequestContext): typeof answered | undefined {
  if (raw.method !== 'OPTIONS' || !reply.hasHeader('Access-Control-Allow-Origin')) return undefined;
  reply.code(204).send();
  return answered;
}
