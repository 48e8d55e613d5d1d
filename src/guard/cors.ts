import { ownPagesOnly } from '../http/browser-fields.js';
import { hasField } from '../http/header-fields.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import type { AnswerFields, AnswerRule } from './guard.js';
import { compileOriginList, originList } from './origin-list.js';
import { type PageRequest, pageOrigin } from './page-origin.js';
import { type RegexpList, validList } from './regexp-list.js';

const options = defineOptions('Filter', {
  corsAllowedOrigins: {
    type: originList,
    default: '',
    help: 'Origins of web pages that may use and embed what is here, such as ^https://app\\.example$; each must pin both ends of the host.',
  },
});

export type CorsOptions = OptionValues<typeof options>;

/** Tells browsers that only own pages, and those of `--cors-allowed-origins`, may read or embed the answer. */
export const cors = {
  name: 'CORS',
  options,
  create(values: CorsOptions): AnswerFields {
    const policy = corsPolicyOf(values);
    return policy === undefined ? () => ownPagesOnly : ({ raw }) => policy.answerHeaders(raw);
  },
} as const satisfies AnswerRule;

/** Undefined if no page of another origin may use the API. */
export function corsPolicyOf({ corsAllowedOrigins }: CorsOptions): CorsPolicy | undefined {
  if (corsAllowedOrigins === '') return undefined;
  return createCorsPolicy(validList(compileOriginList('list', corsAllowedOrigins)));
}

/** Which web pages may use the API, and the header fields that say so to their browsers. */
export interface CorsPolicy {
  isAllowed(origin: string): boolean;
  /** Fields of every answer to this request: name, value, … */
  answerHeaders(request: PageRequest): readonly string[];
}

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
const others: readonly string[] = [...ownPagesOnly, ...vary.site];
const embedding: readonly string[] = [...anyPage, ...vary.referer];

/** The API server's CORS answers for the origins of `--cors-allowed-origins`, which may embed answers too. */
export function createCorsPolicy(origins: RegexpList): CorsPolicy {
  const known = new Map<string, readonly string[]>();
  const policy: CorsPolicy = {
    isAllowed: origin => known.has(origin) || origins.matches(origin),
    answerHeaders(request) {
      const origin = pageOrigin(request);
      if (origin === undefined || !policy.isAllowed(origin)) return others;
      if (!hasField(request.rawHeaders, 'origin')) return embedding;
      let headers = known.get(origin);
      if (headers === undefined) {
        headers = ['Access-Control-Allow-Origin', origin, ...allowed, ...anyPage, ...vary.origin];
        if (known.size < 64) known.set(origin, headers);
      }
      return headers;
    },
  };
  return policy;
}
