import type { BearerToken } from '../../authentication/bearer-token.js';
import { UndecidedError } from '../../authentication/identity.js';
import type { AuthenticationRequest, TokenAuthenticator } from '../../authentication/method.js';
import type { Cluster } from '../../clusters/cluster.js';
import type { Endpoint } from '../../clusters/endpoint.js';
import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import type { Clock } from '../../lib/clock.js';
import { FairSlots } from '../../lib/fair-slots.js';
import { Moment } from '../../lib/moment.js';
import { type PhaseObserver, timed } from '../../lib/phases.js';
import type { AuthenticationMetrics } from '../../observability/metrics/authentication-metrics.js';
import { ReplacedError } from '../../transport/access.js';
import { type Outcome, TokenBounds, TokenCache, userOf, type VerifiedUser } from '../common/token-cache.js';

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
 * Below `/clusters/`, a token that has not been valid at the cluster gets its 401 after exactly this many milliseconds, whether its context
 * exists or not, and whatever the cluster answers, or does not answer: another time or code would tell strangers which contexts exist. A
 * review that takes longer goes on, and the next request with the token gets its result.
 */
const refusedAfter = 2_000;
/**
 * How many tokens one cluster reviews at the same time, besides those that were valid a short time ago. kube-apiserver serves 600 requests
 * at a time by default.
 */
const mostReviews = 512;

/**
 * The cluster that a request goes to reviews its token, or the one that vouches for its callers. The result is valid for that cluster only,
 * and a slow cluster delays no requests to another. Memory, and the number of waiting tokens of one network, are limited over all clusters together.
 */
export function createTokenReviewAuthenticator(
  options: TokenReviewAuthenticatorOptions,
): Record<'authenticator' | 'rechecker', TokenAuthenticator> {
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
  const ask = (token: BearerToken, cluster: Cluster, endpoint: Endpoint, phases?: PhaseObserver) => {
    const found = cacheOf(cluster).find(token);
    if (!(found instanceof Promise)) return userAt(endpoint, found);
    const user = found.then(outcome => userAt(endpoint, outcome));
    return timed(phases, 'authentication', user, found);
  };
  const find = (token: BearerToken, request: AuthenticationRequest) => {
    const { voucher } = request.cluster;
    const found = endpointOf(voucher, request);
    const phases = request.record?.phases;
    return found instanceof Promise
      ? found.then(endpoint => ask(token, voucher, endpoint, phases))
      : ask(token, voucher, found, phases);
  };
  const authenticator: TokenAuthenticator = {
    authenticateToken(token, request) {
      if (!request.mount.namesContext) return find(token, request);
      const wasValid = () => cacheOf(request.cluster.voucher).wasValid(token);
      let found: ReturnType<typeof find>;
      try {
        found = find(token, request);
      } catch (error) {
        found = Promise.reject(error);
      }
      return found instanceof Promise && !wasValid() ? unnoticed(found, wasValid, clock) : found;
    },
  };
  const rechecker: TokenAuthenticator = {
    authenticateToken: async (token, request) => {
      const { voucher } = request.cluster;
      const outcome = await cacheOf(voucher).recheck(token);
      return userAt(await endpointOf(voucher, request), outcome);
    },
  };
  return { authenticator, rechecker };
}

/** The endpoint that says whose the token of a request is: the one that the request is judged for, unless another cluster says it. */
function endpointOf(voucher: Cluster, request: AuthenticationRequest): Endpoint | Promise<Endpoint> {
  return voucher === request.cluster
    ? request.openCluster(request.record?.phases)
    : (voucher.endpoint ?? voucher.open());
}

/** Delays a failure, and ends a long wait, so that a stranger cannot distinguish a context from a name that is none. */
async function unnoticed<T>(found: Promise<T>, wasValid: () => boolean, clock: Clock): Promise<T> {
  let reason: unknown = new StatusError(503, `the cluster did not answer within ${refusedAfter} ms`);
  let cancel = () => {};
  const refused = new Promise<never>((_, reject) => {
    cancel = new Moment(clock).schedule(refusedAfter, () => {
      const isUndecided = reason instanceof StatusError && reason.code >= 500;
      reject(isUndecided ? new UndecidedError(reason as StatusError) : reason);
    });
  });
  const told = found.catch(error => {
    if (wasValid()) throw error;
    reason = error;
    return refused;
  });
  try {
    return await Promise.race([told, refused]);
  } finally {
    cancel();
  }
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
