import { percentDecoded } from '../http/percent-encoding.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { optionalBool } from '../lib/value-type.js';
import type { AnswerFields, AnswerRule, GuardParts } from './guard.js';

const options = defineOptions('Filter', {
  sandboxProxiedPages: {
    type: optionalBool,
    default: '',
    help: 'Sandbox pages that Pods, Services and nodes serve through the proxy subresource; by default with authentication or --all-contexts.',
  },
});

type ProxiedPageOptions = OptionValues<typeof options> & { readonly allContexts: boolean };

/** Whether pages that come through the API server's proxy subresource are sandboxed. */
export function sandboxesProxiedPages(
  { sandboxProxiedPages, allContexts }: ProxiedPageOptions,
  authentication: GuardParts['authentication'],
): boolean {
  // A page of one cluster would have the origin of all others.
  return sandboxProxiedPages ?? (authentication !== undefined || allContexts);
}

/** Keeps pages that come through the API server's proxy subresource away from the API. */
export const proxiedPage = {
  name: 'proxied page',
  options,
  create(options: ProxiedPageOptions, { authentication }: GuardParts): AnswerFields | undefined {
    return sandboxesProxiedPages(options, authentication)
      ? ({ mount, sent }) =>
          (mount.isApi || mount.namesContext) && mayBeProxiedPage(sent.path) ? sandbox : undefined
      : undefined;
  },
} as const satisfies AnswerRule;

/**
 * Makes a browser treat a page as another origin than the one that it came from (CSP Level 3, `sandbox` without `allow-same-origin`): its scripts read
 * nothing of this origin, and the origin rule rejects their writes and upgrades, which come with `Origin: null`.
 */
const sandbox: readonly string[] = [
  'Content-Security-Policy',
  'sandbox allow-scripts allow-forms allow-popups allow-downloads',
];

const proxySegment = /(?:^|[/\\])proxy(?:[/\\;]|$)/i;

/**
 * Whether an answer may be what a Pod, a Service or a node serves: the proxy subresource, in every spelling that some program on the way
 * may take for it. In doubt it says yes: the header field means nothing to an answer that is no page.
 *
 * @param path Decoded once.
 */
function mayBeProxiedPage(path: string): boolean {
  return (
    proxySegment.test(path) ||
    (path.includes('%') && proxySegment.test(percentDecoded(path).toString('latin1')))
  );
}
