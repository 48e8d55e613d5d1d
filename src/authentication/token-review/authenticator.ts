import type { Cluster } from '../../clusters/cluster.js';
import type { Endpoint } from '../../clusters/endpoint.js';
import { requireSameServer } from '../../clusters/replaced-server.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { type Clock, systemClock } from '../../lib/clock.js';
import type { AuthenticationMetrics } from '../../observability/metrics/authentication-metrics.js';
import type { BearerToken } from '../bearer-token/bearer-token.js';
import { FairSlots } from '../bearer-token/fair-slots.js';
import {
  type Judgement,
  type Outcome,
  TokenBounds,
  TokenCache,
  userOf,
} from '../bearer-token/token-cache.js';
import type { AuthenticationRequest, TokenAuthenticator } from '../method.js';

/** How tokens are reviewed, and how long a review counts. */
export interface TokenReviewAuthenticatorOptions {
  /** Asks the cluster. */
  readonly review: (token: BearerToken, cluster: Cluster) => Promise<Judgement>;
  /** Milliseconds that a good token counts, no longer than it is valid; a bad one counts 10 s at most. */
  readonly ttl: number;
  readonly metrics: Pick<AuthenticationMetrics, 'cacheAsked'>;
  readonly clock?: Clock;
}

const longestFailure = 10_000;
/**
 * Milliseconds after which a caller below `/clusters/` hears at the earliest that a token is not good: as long as most clusters take. Without it
 * the time would tell strangers which contexts there are, since one that does not exist answers from memory in 1 ms.
 */
const soonestRefusal = 500;
/**
 * Tokens that one cluster reviews at one time, besides those that were good a short while ago. kube-apiserver serves 600 requests at a time
 * by default (--max-requests-inflight and --max-mutating-requests-inflight).
 */
const mostReviews = 512;

/**
 * Has the cluster of each request say whose its token is. What one cluster says counts for that cluster alone, and a slow cluster holds up
 * nobody at another. Memory and the waiting tokens of one network are limited over all clusters together.
 */
export function createTokenReviewAuthenticator(options: TokenReviewAuthenticatorOptions): TokenAuthenticator {
  const { review, ttl, metrics, clock = systemClock } = options;
  const bounds = new TokenBounds();
  // A cluster that goes takes its cache with it.
  const caches = new WeakMap<Cluster, TokenCache>();
  const cacheOf = (cluster: Cluster): TokenCache => {
    let cache = caches.get(cluster);
    if (cache === undefined) {
      cache = new TokenCache({
        judge: token => review(token, cluster),
        // The whole endpoint: an answer from another path or server name, or to another identity, may mean another user.
        judgedBy: () => cluster.endpoint as Endpoint,
        successTtl: ttl,
        failureTtl: Math.min(ttl, longestFailure),
        slots: new FairSlots(mostReviews),
        ...{ bounds, metrics, clock },
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
  const refuseAt = (time: number, error: unknown) =>
    new Promise<never>((_, reject) => {
      // Somebody may have set the clock back.
      const delay = Math.min(Math.max(time - clock.now(), 0), soonestRefusal);
      clock.schedule(delay, () => reject(error as Error));
    });
  return {
    authenticateToken(token, request) {
      if (!request.mount.namesContext) return find(token, request);
      const time = clock.now() + soonestRefusal;
      try {
        const found = find(token, request);
        return found instanceof Promise ? found.catch(error => refuseAt(time, error)) : found;
      } catch (error) {
        return refuseAt(time, error);
      }
    },
  };
}

/**
 * The user of an outcome, for a request that was judged for this endpoint. Another API server may have reviewed the token if the endpoint was
 * replaced meanwhile, and the first one may be back before the request is sent.
 */
function userAt(endpoint: Endpoint, outcome: Outcome): UserInfo | undefined {
  requireSameServer(endpoint, outcome.judge as Endpoint);
  return userOf(outcome);
}
