import type { Registry } from 'prom-client';
import { uidTarget } from '../../authentication/method.js';
import type { Feature } from '../../feature.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { bool, names } from '../../lib/value-type.js';
import { Histogram } from '../../observability/metrics/hot-metrics.js';
import { bearerTokenFields, bearerTokenHint, credentialIdTarget } from '../common/bearer-token.js';

const options = defineOptions('Authentication', {
  authenticationTokenWebhook: {
    type: bool,
    default: 'false',
    help: 'Ask the API server whose a bearer token is (TokenReview); for service accounts, among others.',
  },
  apiAudiences: {
    type: names,
    default: '',
    help: 'Accepted token audiences; one must match. For --authentication-token-webhook; by default the API server.',
  },
});

/** Authenticates callers by the tokens that the cluster of their request knows, or the one that vouches for its callers. */
export const tokenReview = {
  name: 'token-review',
  options,
  metrics: createTokenReviewMetrics,
  method: {
    name: 'token_review',
    flag: '--authentication-token-webhook',
    hint: bearerTokenHint,
    sendsSecret: true,
    isOn: ({ authenticationTokenWebhook }) => authenticationTokenWebhook,
  },

  async create({ authenticationTokenWebhook, apiAudiences: audiences }, core, { reviewed }) {
    if (!authenticationTokenWebhook) return undefined;
    const [{ createTokenReviewAuthenticator }, { createTokenReview }] = await Promise.all([
      import('./authenticator.js'),
      import('./review.js'),
    ]);
    const rules = { ...core.callerRules, serviceAccounts: true };
    return {
      method: {
        ...createTokenReviewAuthenticator({
          review: createTokenReview({ audiences, rules, reviewed }),
          metrics: core.metrics.authentication,
          clock: core.clock,
        }),
        kubeconfigUsers: () => [{ fields: bearerTokenFields, isComplete: false, isPerCluster: true }],
        // Tokens of service accounts also have extra fields for a Pod and its node, which are not listed here. The permission to impersonate
        // `serviceaccounts` is not checked: it may be given in any namespaces, and a SelfSubjectRulesReview reads one.
        impersonates: () => [uidTarget, credentialIdTarget],
      },
      close() {},
    };
  },
} as const satisfies Feature<OptionValues<typeof options>, TokenReviewMetrics>;

type TokenReviewMetrics = ReturnType<typeof createTokenReviewMetrics>;

function createTokenReviewMetrics(registry: Registry) {
  const reviews = new Histogram({
    name: 'kube_api_proxy_token_review_duration_seconds',
    help: 'Time that the API server took to review the token of a caller (TokenReview).',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registry,
  }).labels({});
  return {
    /** A TokenReview took this many seconds. */
    reviewed: (seconds: number) => reviews.observe(seconds),
  };
}
