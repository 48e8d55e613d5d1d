import type { RequestContext } from '../request/context.js';
import type { CorsOptions } from './cors.js';
import { answered, type Check, everyMount, type Guard } from './guard.js';

/** A browser that asks before it sends a request gets its answer at once. */
export const preflight = {
  name: 'preflight',
  options: {},
  reasons: [],
  judges: everyMount,
  create: ({ corsAllowedOrigins }: CorsOptions): Check | undefined =>
    corsAllowedOrigins === '' ? undefined : answerPreflight,
} as const satisfies Guard;

/**
 * Answers preflights of allowed origins (Fetch, "CORS-preflight fetch") as the API server does: 204 to every OPTIONS, before callers are
 * authenticated, because browsers send no credentials with it. A preflight is never sent to the API server.
 */
function answerPreflight({ raw, reply }: RequestContext): typeof answered | undefined {
  if (raw.method !== 'OPTIONS' || !reply.hasHeader('Access-Control-Allow-Origin')) return undefined;
  reply.code(204).send();
  return answered;
}
