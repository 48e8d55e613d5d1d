import { get } from './get.js';
import type { Upstream } from './upstream.js';

/** How long one finding counts: probes of several kubelets and balancers share it. */
const freshFor = 10_000;
/** A failure counts for less, so that recovery shows soon. */
const failedFor = 2_000;
const timeout = 5_000;

/**
 * A check that resolves when the API server answers and takes the credentials, and rejects with the reason when not.
 * It asks for /version, which every authenticated user may read (`system:public-info-viewer`), at most every 10 s.
 */
export function createReachabilityCheck(
  upstream: Upstream,
  now: () => number = () => performance.now(),
): () => Promise<void> {
  let finding: Promise<void> | undefined;
  let freshUntil = 0;
  return () => {
    if (finding === undefined || now() >= freshUntil) {
      freshUntil = now() + freshFor;
      finding = check(upstream);
      finding.catch(() => {
        freshUntil = now() + failedFor;
      });
    }
    return finding;
  };
}

async function check(upstream: Upstream): Promise<void> {
  const { status } = await get(upstream, '/version', { timeout });
  if (status === 401)
    throw new Error(`the API server at ${upstream.host} does not take the credentials (401)`);
  if (status >= 500) throw new Error(`the API server at ${upstream.host} answers ${status}`);
}
