import type { Cluster } from '../../clusters/cluster.js';
import type { Endpoint } from '../../clusters/endpoint.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import type { Clock } from '../../lib/clock.js';
import { FairSlots } from '../../lib/fair-slots.js';
import { Moment } from '../../lib/moment.js';
import type { AuthenticationMetrics } from '../../observability/metrics/authentication-metrics.js';
import { ReplacedError } from '../../transport/access.js';
import type { BearerToken } from '../bearer-token/bearer-token.js';
import {
  type Outcome,
  TokenBounds,
  TokenCache,
  userOf,
  type VerifiedUser,
} from '../bearer-token/token-cache.js';
import type { AuthenticationRequest, TokenAuthenticator } from '../method.js';

/** How tokens are reviewed, and how long a result is valid. */
export interface TokenReviewAuthenticatorOptions {
  /** Asks the cluster. */
  readonly review: (token: BearerToken, cluster: Cluster) => Promise<VerifiedUser>;
  readonly metrics: Pick<AuthenticationMetrics, 'cacheAsked'>;
  readonly clock: Clock;
}

/** Milliseconds for which the API server's answer about a token is valid: kube-apiserver's own default for its webhook, and less for a failure. */
const ttl = { success: 2 * 60_000, failure: 10_000 };
/**
 * A caller below `/clusters/` learns after at least this many milliseconds that a token is invalid: about the time that most clusters need.
 * Otherwise the time would tell strangers which contexts exist, because the answer for one that does not exist comes from memory, within 1
 * ms.
 */
const soonestRefusal = 500;
/**
 * How many tokens one cluster reviews at the same time, besides those that were valid a short time ago. kube-apiserver serves 600 requests
 * at a time by default (--max-requests-inflight and --max-mutating-requests-inflight).
 */
const mostReviews = 512;

/**
 * The cluster that a request goes to reviews its token. The result is valid for that cluster only, and a slow cluster delays no requests to
 * another. Memory, and the number of waiting tokens of one network, are limited over all clusters together.
 */
export function createTokenReviewAuthenticator(options: TokenReviewAuthenticatorOptions): TokenAuthenticator {
  const { review, metrics, clock } = options;
  const bounds = new TokenBounds();
  // The cache of a cluster is freed with the cluster.
  const caches = new WeakMap<Cluster, TokenCache>();
  const cacheOf = (cluster: Cluster): TokenCache => {
    let cache = caches.get(cluster);
    if (cache === undefined) {
      cache = new TokenCache({
        verify: token => review(token, cluster),
        // The whole endpoint: with another path, server name or identity of the proxy, the answer may be about another user.
        verifiedBy: () => cluster.endpoint as Endpoint,
        successTtl: ttl.success,
        failureTtl: ttl.failure,
        slots: new FairSlots<string>(mostReviews),
        bounds,
        metrics,
        clock,
      });
      caches.set(cluster, cache);
    }
    return cache;
  };
  const ask = (token: BearerToken, { cluster, endpoint }: AuthenticationRequest) => {
    const found = cacheOf(cluster).find(token);
    return found instanceof Promise
      ? found.then(outcome => userAt(endpoint, outcome))
      : userAt(endpoint, found);
  };
  const find = (token: BearerToken, request: AuthenticationRequest) => {
    const opening = request.openCluster();
    return opening === undefined ? ask(token, request) : opening.then(() => ask(token, request));
  };
  const refuse = (asked: Moment, error: unknown) =>
    new Promise<never>((_, reject) => {
      asked.schedule(soonestRefusal, () => reject(error as Error));
    });
  return {
    authenticateToken(token, request) {
      if (!request.mount.namesContext) return find(token, request);
      const asked = new Moment(clock);
      try {
        const found = find(token, request);
        return found instanceof Promise ? found.catch(error => refuse(asked, error)) : found;
      } catch (error) {
        return refuse(asked, error);
      }
    },
  };
}

/**
 * The user of an outcome, for a request that was checked for this endpoint. If the endpoint was replaced meanwhile, another API server may
 * have reviewed the token, and the first server may be in use again before the request is sent.
 */
function userAt(endpoint: Endpoint, outcome: Outcome): UserInfo | undefined {
  const { server } = (outcome.verifiedBy as Endpoint).identity;
  if (server !== endpoint.identity.server) throw new ReplacedError();
  return userOf(outcome);
}
