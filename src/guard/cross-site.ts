import type { RequestHead } from '../http/request-head.js';
import type { RequestContext } from '../request/context.js';
import { type CorsOptions, corsPolicyOf } from './cors.js';
import type { FilterSwitch } from './filter.js';
import { type Check, type Guard, type GuardParts, pagesMounts } from './guard.js';
import { pageOrigin } from './page-origin.js';
import { mayBeProxiedPage } from './proxied-page.js';
import type { RejectedPages } from './rejected-pages.js';

/**
 * A page of another site may only link here (Fetch Metadata), unless `--cors-allowed-origins` names its origin. It comes before
 * authentication, and before a context is opened, so that no visit to another site runs an exec plugin.
 */
export const crossSite = {
  name: 'cross-site',
  stage: 'page',
  options: {},
  reasons: ['cross_site'],
  judges: pagesMounts,
  create(
    { disableFilter, ...options }: CorsOptions & FilterSwitch,
    { rejectedPages }: GuardParts,
  ): Check | undefined {
    if (disableFilter) return undefined;
    const cors = corsPolicyOf(options);
    return createCrossSiteCheck(origin => cors?.isAllowed(origin) === true, rejectedPages);
  },
} as const satisfies Guard;

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
export function createCrossSiteCheck(isAllowed: (origin: string) => boolean, rejectedPages: RejectedPages) {
  return ({ head, mount, path }: Pick<RequestContext, 'mount' | 'path' | 'head'>): void => {
    if (!comesFromOtherSite(head)) return;
    const origin = pageOrigin(head);
    if (origin !== undefined && isAllowed(origin)) return;
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
