import { fieldValue } from '../http/header-fields.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import type { AnswerFields, AnswerRule } from './guard.js';
import { compileOriginList, originList } from './origin-list.js';
import { type RegexpList, validList } from './regexp-list.js';

const options = defineOptions('Filter', {
  corsAllowedOrigins: {
    type: originList,
    default: '',
    help: 'Origins of web pages that may use the API, such as ^https://app\\.example$; each must pin both ends of the host.',
  },
});

export type CorsOptions = OptionValues<typeof options>;

/** Tells browsers that pages of `--cors-allowed-origins` may read the answer. */
export const cors = {
  name: 'CORS',
  options,
  create(values: CorsOptions): AnswerFields | undefined {
    const policy = corsPolicyOf(values);
    return policy && (({ raw }) => policy.answerHeaders(fieldValue(raw.rawHeaders, 'origin')));
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
  /** Fields of every answer to a request with this Origin: name, value, … */
  answerHeaders(origin: string | undefined): readonly string[];
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

/** Caches must not give one origin the answer for another (Fetch, "CORS protocol and HTTP caches"). */
const vary: readonly string[] = ['Vary', 'Origin'];

/** The API server's CORS answers for the origins of `--cors-allowed-origins`, and nothing for all others. */
export function createCorsPolicy(origins: RegexpList): CorsPolicy {
  const known = new Map<string, readonly string[]>();
  return {
    isAllowed: origin => known.has(origin) || origins.matches(origin),
    answerHeaders(origin) {
      if (origin === undefined) return vary;
      let headers = known.get(origin);
      if (headers === undefined) {
        if (!origins.matches(origin)) return vary;
        headers = ['Access-Control-Allow-Origin', origin, ...allowed, ...vary];
        if (known.size < 64) known.set(origin, headers);
      }
      return headers;
    },
  };
}
