import { sameOriginOnly } from '../http/header-fields.js';
import type { RequestHead } from '../http/request-head.js';
import { SmallMap } from '../lib/bounded-maps.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import type { RequestContext } from '../request/context.js';
import { answered, type Check, everyMount, type Guard } from './guard.js';
import { originList, pageOrigin } from './origin-list.js';
import type { RegexpList } from './regexp-list.js';

const options = defineOptions('Filter', {
  corsAllowedOrigins: {
    type: originList,
    default: '',
    help: 'Origins of web pages that may use and embed what is here, such as ^https://app\\.example$; each must pin both ends of the host.',
  },
});

export type CorsOptions = OptionValues<typeof options>;

/** Tells browsers that pages of `--cors-allowed-origins` may read and embed the answer too. Without it only own pages may: `RequestContext`. */
export const cors = {
  name: 'CORS',
  stage: 'answer',
  options,
  reasons: [],
  judges: everyMount,
  create({ corsAllowedOrigins }: CorsOptions): Check | undefined {
    if (corsAllowedOrigins.source === '') return undefined;
    const headersFor = createCorsHeaders(corsAllowedOrigins);
    return request => {
      request.answerHeaders = headersFor(request.head);
    };
  },
} as const satisfies Guard;

/** The API server's own lists (k8s.io/apiserver `filters.WithCORS`). */
const allowed = [
  ['Access-Control-Allow-Credentials', 'true'],
  ['Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE, PATCH'],
  [
    'Access-Control-Allow-Headers',
    'Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since',
  ],
  ['Access-Control-Expose-Headers', 'Date'],
].flat();

const anyPage = ['Cross-Origin-Resource-Policy', 'cross-origin'] as const;

/**
 * Caches must not give one page the answer for another (Fetch, "CORS protocol and HTTP caches"): an allowed page needs another
 * Cross-Origin-Resource-Policy than the proxy's own.
 */
const vary = {
  origin: ['Vary', 'Origin'],
  referer: ['Vary', 'Origin, Referer'],
  site: ['Vary', 'Origin, Sec-Fetch-Site'],
} as const;

/** Fields for all but allowed pages, and for an allowed page that sends no Origin. */
const others: readonly string[] = [...sameOriginOnly, ...vary.site];
const embedding: readonly string[] = [...anyPage, ...vary.referer];

/**
 * The header fields of every answer to a request (name, value, …): the API server's CORS answers for the origins of
 * `--cors-allowed-origins`, whose pages may embed answers too.
 */
export function createCorsHeaders(origins: RegexpList): (head: RequestHead) => readonly string[] {
  const known = new SmallMap<readonly string[]>();
  return head => {
    const origin = pageOrigin(head);
    if (origin === undefined || !(known.has(origin) || origins.matches(origin))) return others;
    if (head.origin === undefined) return embedding;
    let headers = known.get(origin);
    if (headers === undefined) {
      headers = ['Access-Control-Allow-Origin', origin, ...allowed, ...anyPage, ...vary.origin];
      known.set(origin, headers);
    }
    return headers;
  };
}

/** A browser that asks before it sends a request gets its answer at once. */
export const preflight = {
  name: 'preflight',
  stage: 'page',
  options: {},
  reasons: [],
  judges: everyMount,
  create: ({ corsAllowedOrigins }: CorsOptions): Check | undefined =>
    corsAllowedOrigins.source === '' ? undefined : answerPreflight,
} as const satisfies Guard;

/**
 * Answers preflights of allowed origins (Fetch, "CORS-preflight fetch") as the API server does: 204 to every OPTIONS, before callers are
 * authenticated, because browsers send no credentials with it. A preflight is never sent to the API server.
 */
function answerPreflight({ head, reply, answerHeaders }: RequestContext): typeof answered | undefined {
  if (head.method !== 'OPTIONS' || !answerHeaders.includes('Access-Control-Allow-Origin')) return undefined;
  reply.code(204).send();
  return answered;
}
