import { bringsHeaderToken } from '../authentication/bearer-token.js';
import { flagsOf, type MethodFacts, type OptionFacts } from '../authentication/method.js';
import type { RequestHead } from '../http/request-head.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';
import type { RequestContext } from '../request/context.js';
import type { CorsOptions } from './cors.js';
import type { FilterSwitch } from './filter.js';
import { type Check, callersMounts, type Guard, type GuardParts, pagesMounts } from './guard.js';
import { type AllowedOrigins, pageOrigin } from './origin-list.js';
import { mayBeProxiedPage } from './proxied-page.js';
import type { RejectedPages } from './rejected-pages.js';

const tokenPageOptions = defineOptions('Filter', {
  acceptTokenPages: {
    type: bool,
    default: 'false',
    help: 'Accept web pages of any origin whose server sends a valid bearer token in Authorization, such as dashboards; SECURITY.md says what that gives up.',
  },
});

export type TokenPageOptions = OptionValues<typeof tokenPageOptions>;

type CrossSiteOptions = CorsOptions & FilterSwitch & TokenPageOptions;

/**
 * A page of another site may only link here (Fetch Metadata), unless `--cors-allowed-origins` names its origin. It comes before
 * authentication, and before a context is opened, so that no visit to another site runs an exec plugin.
 */
export const crossSite = {
  name: 'cross-site',
  stage: 'page',
  options: tokenPageOptions,
  reasons: ['cross_site'],
  judges: pagesMounts,

  problems({ acceptTokenPages }: TokenPageOptions, _given: unknown, { methods, methodsOn }: OptionFacts) {
    if (!acceptTokenPages || methodsOn.some(takesTokens)) return [];
    return [
      `--accept-token-pages needs a method of authentication that takes bearer tokens (${flagsOf(methods.filter(takesTokens))})`,
    ];
  },

  create(options: CrossSiteOptions, parts: GuardParts): Check | undefined {
    const check = createCheck(options, parts);
    const waits = options.acceptTokenPages && parts.authentication !== undefined;
    if (check === undefined || !waits) return check;
    return request => (mayBeTokenPage(request) ? undefined : check(request));
  },
} as const satisfies Guard;

/** The same, where `--accept-token-pages` has waited for the caller. */
export const crossSiteOfCallers = {
  name: 'cross-site of callers',
  stage: 'origin',
  options: {},
  reasons: ['cross_site'],
  judges: callersMounts,
  create(options: CrossSiteOptions, parts: GuardParts): Check | undefined {
    const check = options.acceptTokenPages ? createCheck(options, parts) : undefined;
    return (
      check && (request => (mayBeTokenPage(request) && !isTokenPage(request) ? check(request) : undefined))
    );
  },
} as const satisfies Guard;

function takesTokens({ sendsSecret }: MethodFacts): boolean {
  return sendsSecret;
}

function createCheck({ disableFilter, corsAllowedOrigins }: CrossSiteOptions, { rejectedPages }: GuardParts) {
  return disableFilter ? undefined : createCrossSiteCheck(corsAllowedOrigins, rejectedPages);
}

/**
 * Whether a browser says that a page of another origin causes a request: by every `Sec-Fetch-Site` but `same-origin` and `none`, compared
 * with case. Another port of the same host is `same-site`. Several values and unknown ones count too.
 */
export function comesFromOtherSite({ fetchSite, isPrefetch }: RequestHead): boolean {
  if (fetchSite === undefined || fetchSite === 'same-origin') return false;
  // Chromium says `none`, as for an address that a user types, when the speculation rules of any page prefetch something.
  return fetchSite !== 'none' || isPrefetch;
}

/**
 * Rejects what a page of another site embeds, loads or sends. Its links pass, but not to a proxy subresource, where a GET may change
 * something. The target is read as sent, so that the answer does not tell strangers whether a context exists. A request without
 * `Sec-Fetch-Site` passes: only browsers send it, to https and loopback.
 */
export function createCrossSiteCheck(allowed: AllowedOrigins, rejectedPages: RejectedPages) {
  return ({ head, mount, path }: Pick<RequestContext, 'mount' | 'path' | 'head'>): void => {
    if (!comesFromOtherSite(head)) return;
    const origin = pageOrigin(head);
    if (origin !== undefined && allowed.matches(origin)) return;
    const isLink = head.method === 'GET' && !head.isUpgrade && isTopLevelNavigation(head);
    const mayBeProxied = (mount.isApi || mount.namesContext) && mayBeProxiedPage(path.received.path);
    if (isLink && !mayBeProxied) return;
    throw rejectedPages.reject(
      head,
      'cross_site',
      name => `a web page of another site${name} may only link here, and not to a proxy subresource`,
      'type the address',
    );
  };
}

/** Whether a browser opens the answer in a tab or window, and now: not in a frame, and not ahead of a click. */
function isTopLevelNavigation({ fetchMode, fetchDest, isPrefetch }: RequestHead): boolean {
  return fetchMode === 'navigate' && fetchDest === 'document' && !isPrefetch;
}

/**
 * Whether a request may be one that no rule for pages judges, so that its caller has to be known first. No page can send the field to
 * another site by itself: its browser asks first, without the field, and gets no (Fetch, "CORS-preflight fetch").
 */
export function mayBeTokenPage({ head, mount }: Pick<RequestContext, 'head' | 'mount'>): boolean {
  return callersMounts(mount) && bringsHeaderToken(head);
}

/**
 * Whether no rule for pages judges a request behind authentication: a bearer token of its Authorization field has decided who the caller is.
 * That cannot be a client certificate, which browsers send by themselves, nor a WebSocket subprotocol, in which a page of anybody can send a
 * token of its own.
 *
 * A cookie says that a browser may have sent the request to a server that turns cookies into tokens. Then the browser must not say that the
 * page is of another site.
 */
export function isTokenPage({ head, isByToken }: Pick<RequestContext, 'head' | 'isByToken'>): boolean {
  if (!isByToken || !bringsHeaderToken(head)) return false;
  const { hasCookie, fetchSite, isPrefetch } = head;
  if (!hasCookie || fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'same-site')
    return true;
  return fetchSite === 'none' && !isPrefetch;
}
