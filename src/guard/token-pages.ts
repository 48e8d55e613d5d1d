import { bringsHeaderToken } from '../authentication/bearer-token.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';
import type { RequestContext } from '../request/context.js';
import { callersMounts } from './guard.js';

export const tokenPageOptions = defineOptions('Filter', {
  acceptTokenPages: {
    type: bool,
    default: 'false',
    help: 'Accept web pages of any origin whose server sends a valid bearer token in Authorization, such as dashboards; SECURITY.md says what that gives up.',
  },
});

export type TokenPageOptions = OptionValues<typeof tokenPageOptions>;

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
