import type { OwnEndpoint, OwnEndpointParts } from '../../endpoints/own-endpoint.js';
import type { ExplorerOptions } from './options.js';

/** The OpenID Connect issuers whose tokens callers may use. */
type Issuers = ReturnType<OwnEndpointParts['issuers']>;

/** The path of the page. */
const page = '/-/ui/';

/**
 * Where people may sign in on the page: `{"page", "issuers": [{"issuer", "clientId", "scopes", "redirectPath"}]}`. It is public, and contains no secret. An
 * issuer is not there before its discovery document has been read, because the page's policy would let no request to it pass, nor is one
 * of programs, which names no page where people sign in.
 */
export const signIn = {
  name: 'sign-in',
  title: 'the issuers at which people can sign in on that page',
  access: 'public',
  isServed: options => options.explorer,
  create(parts, options) {
    const issuers = issuersOffered(parts, options);
    const { publicUrl } = options;
    return async (_request, reply) => {
      reply.headers({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      const answer = {
        // The one address of the page that issuers know.
        page: publicUrl === '' ? undefined : publicUrl + page,
        issuers: forPeople(issuers()).map(({ issuer: { url, isAlone, clientId, scopes } }) => ({
          issuer: url,
          clientId,
          scopes,
          redirectPath: isAlone ? page : page + redirectName(url),
        })),
      };
      return `${JSON.stringify(answer, undefined, 2)}\n`;
    };
  },
} as const satisfies OwnEndpoint<ExplorerOptions>;

/** The issuers at which people may sign in on the page now; none if the options do not offer it. */
export function issuersOffered(
  { issuers }: Pick<OwnEndpointParts, 'issuers'>,
  { explorerSignIn }: ExplorerOptions,
): OwnEndpointParts['issuers'] {
  return explorerSignIn ? issuers : () => [];
}

/**
 * The last segment of an issuer's own redirect URI: `from-login.example_realms_dev`. No two issuers have the same, and each accepts its own
 * alone, so that the page knows by whom an answer is, even if it does not say so (RFC 9700, section 4.4.2).
 */
export function redirectName(issuer: string): string {
  const plain = issuer.replace(/^https:\/\//, '').replaceAll(/[^A-Za-z0-9.:/-]+/g, text => {
    return `~${Buffer.from(text).toString('hex')}~`;
  });
  return `from-${plain.replaceAll('/', '_')}`;
}

/** Whether the page is served under a name below its path: its own empty one, or one to which an issuer may send the browser back. */
export function isPageName(name: string): boolean {
  return name === '' || /^from-[^/]+$/.test(name);
}

/**
 * The origins to which the page sends requests to sign people in, for its `connect-src`: of each issuer's discovery document, and of the
 * token and revocation endpoints that it names.
 */
export function signInOrigins(issuers: Issuers): readonly string[] {
  const urls = forPeople(issuers).flatMap(({ issuer, discovery }) => [
    ...[issuer.url, discovery['token_endpoint'], discovery['revocation_endpoint']],
  ]);
  return [...new Set(urls.flatMap(originOf))];
}

/** The issuers at which people can sign in, with their discovery documents. */
function forPeople(issuers: Issuers) {
  return issuers.flatMap(issuer => {
    const discovery = issuer.discovery();
    const isForPeople = originOf(discovery?.['authorization_endpoint']).length > 0;
    return discovery !== undefined && isForPeople ? [{ issuer, discovery }] : [];
  });
}

/**
 * The origin of a URL, if it is https or on this machine. A URL parser takes `*`, `;` and `,` as parts of a host, which would be a wildcard
 * in a policy, or the beginning of another directive. It also takes a host of any length, but a browser refuses an answer whose header
 * fields are too long.
 */
function originOf(url: unknown): readonly string[] {
  if (typeof url !== 'string' || !URL.canParse(url)) return [];
  const { protocol, hostname, origin } = new URL(url);
  // RFC 1035, section 2.3.4.
  if (hostname.length > 253 || !/^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:]+\])$/.test(hostname))
    return [];
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback) ? [origin] : [];
}
