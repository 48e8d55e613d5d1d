import { percentDecoded } from '../http/percent-encoding.js';

/**
 * Makes a browser treat a page as another origin than the one that it came from (CSP Level 3, `sandbox` without `allow-same-origin`): its scripts read
 * nothing of this origin, and the origin rule rejects their writes and upgrades, which come with `Origin: null`.
 */
export const sandbox: readonly string[] = [
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
export function mayBeProxiedPage(path: string): boolean {
  return (
    proxySegment.test(path) ||
    (path.includes('%') && proxySegment.test(percentDecoded(path).toString('latin1')))
  );
}
