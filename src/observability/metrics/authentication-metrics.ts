import { Counter, type Registry } from 'prom-client';

const results = ['success', 'failure', 'error'] as const;
/** `error` means that the method could not decide. */
type AuthenticationResult = (typeof results)[number];

const impersonationResults = ['allowed', 'refused', 'error'] as const;
/** `error` means that the API server did not say whether the caller may. */
type ImpersonationResult = (typeof impersonationResults)[number];

const strangerResets = ['memory', 'unread'] as const;
/** Why a request of an unknown caller was reset: all of them held too much memory, or its client did not take the answer. */
export type StrangerReset = (typeof strangerResets)[number];

/** The metrics of callers' authentication. */
export type AuthenticationMetrics = ReturnType<typeof createAuthenticationMetrics>;

/**
 * Adds the metrics to a registry. They start at 0.
 *
 * @param names The names of the methods.
 */
export function createAuthenticationMetrics(registry: Registry, names: readonly string[]) {
  const methods = [...names, 'none'];
  const registers = [registry];
  const attempts = new Counter({
    name: 'kube_api_proxy_authentication_attempts_total',
    help: 'Attempts to authenticate a caller, by the method that recognized the credential, and by the result.',
    labelNames: ['method', 'result'],
    registers,
  });
  const cache = new Counter({
    name: 'kube_api_proxy_authentication_token_cache_requests_total',
    help: 'Tokens that were looked up in the cache of recent OpenID Connect and TokenReview results.',
    labelNames: ['status'],
    registers,
  });
  const impersonations = new Counter({
    name: 'kube_api_proxy_impersonation_requests_total',
    help: 'Requests by which callers asked to act as another user, by whether they were let.',
    labelNames: ['result'],
    registers,
  });
  const resets = new Counter({
    name: 'kube_api_proxy_strangers_reset_total',
    help: 'Requests of unknown callers that the proxy reset, because all of them held too much memory, or because a client took nothing of its answer (unread).',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of strangerResets) resets.inc({ reason }, 0);
  const counters = new Map(
    methods.map(method => [
      method,
      Object.fromEntries(results.map(result => [result, attempts.labels(method, result)])),
    ]),
  );
  for (const method of methods) for (const result of results) attempts.inc({ method, result }, 0);
  for (const result of impersonationResults) impersonations.inc({ result }, 0);
  const hits = cache.labels('hit');
  const misses = cache.labels('miss');
  hits.inc(0);
  misses.inc(0);

  return {
    /** @param method The method that recognized the credential; `none` if no method did. */
    attempted: (method: string, result: AuthenticationResult) => counters.get(method)?.[result]?.inc(),
    /** A token was looked up in the cache of earlier results. */
    cacheAsked: (isHit: boolean) => (isHit ? hits : misses).inc(),
    /** A request of an unknown caller was reset. */
    strangerReset: (reason: StrangerReset) => resets.inc({ reason }),
    /** A caller asked to act as another user. */
    impersonated: (result: ImpersonationResult) => impersonations.inc({ result }),
  };
}
