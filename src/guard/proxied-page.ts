import { percentDecoded } from '../http/percent-encoding.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool, optional } from '../lib/value-type.js';
import type { Check, Guard, GuardParts } from './guard.js';

const options = defineOptions('Filter', {
  sandboxProxiedPages: {
    type: optional(bool),
    default: '',
    help: 'Sandbox pages that Pods, Services and nodes serve through the proxy subresource; by default with authentication or several clusters. Other pages of API servers always are.',
  },
});

type ProxiedPageOptions = OptionValues<typeof options> & { readonly servesClusters: boolean };

/** Whether pages from the API server's proxy subresource are sandboxed. */
export function sandboxesProxiedPages(
  { sandboxProxiedPages, servesClusters }: ProxiedPageOptions,
  authentication: GuardParts['authentication'],
): boolean {
  // A page of one cluster would have the same origin as all others.
  return sandboxProxiedPages ?? (authentication !== undefined || servesClusters);
}

/** Keeps pages from the API server's proxy subresource away from the API. */
export const proxiedPage = {
  name: 'proxied page',
  stage: 'answer',
  options,
  reasons: [],
  judges: ({ isApi, namesContext }) => isApi || namesContext,
  create(options: ProxiedPageOptions, { authentication }: GuardParts): Check | undefined {
    if (!sandboxesProxiedPages(options, authentication)) return undefined;
    return request => {
      if (!mayBeProxiedPage(request.path.received.path)) return;
      request.answerHeaders = [...request.answerHeaders, ...sandbox];
    };
  },
} as const satisfies Guard;

/**
 * Lets a browser treat a page as another origin (CSP Level 3, `sandbox` without `allow-same-origin`). Its scripts can then read nothing of
 * this origin, and the origin rule rejects their writes and upgrades, which come with `Origin: null`.
 */
const sandbox: readonly string[] = [
  'Content-Security-Policy',
  'sandbox allow-scripts allow-forms allow-popups allow-downloads',
];

const proxySegment = /[/\\]proxy(?:[/\\;]|$)/i;

/**
 * Whether a Pod, a Service or a node may have sent the answer: the proxy subresource, in every spelling that some program may take for it.
 * If in doubt it says yes, because the header field has no effect on an answer that is no page.
 *
 * @param path Decoded once.
 */
export function mayBeProxiedPage(path: string): boolean {
  return (
    proxySegment.test(path) ||
    (path.includes('%') && proxySegment.test(percentDecoded(path).toString('latin1')))
  );
}
