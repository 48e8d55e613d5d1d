import type { OriginList } from './origin-list.js';

/** Which web pages may use the API, and what tells their browsers so. */
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

/** Caches must not give one origin what another was answered (Fetch, "CORS protocol and HTTP caches"). */
const vary: readonly string[] = ['Vary', 'Origin'];

/** The API server's CORS for the origins of `--cors-allowed-origins`, and nothing for all others. */
export function createCorsPolicy(origins: OriginList): CorsPolicy {
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
