import { defineOptions, type OptionValues } from '../../lib/option.js';
import { bool, names } from '../../lib/value-type.js';
import { bearerTokenFields, bearerTokenHint } from '../bearer-token/bearer-token.js';
import { type AuthenticationMethod, credentialIdTarget, uidTarget } from '../method.js';

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

/** Authenticates callers by the tokens that the cluster of their request knows. The result is valid for that cluster only. */
export const tokenReview = {
  name: 'token_review',
  flag: '--authentication-token-webhook',
  hint: bearerTokenHint,
  sendsSecret: true,
  options,

  isOn: ({ authenticationTokenWebhook }) => authenticationTokenWebhook,

  async create({ apiAudiences: audiences }, { metrics, clock, rules }) {
    const [{ createTokenReviewAuthenticator }, { createTokenReview }] = await Promise.all([
      import('./authenticator.js'),
      import('./review.js'),
    ]);
    return {
      ...createTokenReviewAuthenticator({
        review: createTokenReview({ audiences, rules: { ...rules, serviceAccounts: true }, metrics }),
        metrics,
        clock,
      }),
      kubeconfigUsers: () => [{ fields: bearerTokenFields, isComplete: false, isPerCluster: true }],
      // Tokens of service accounts also have extra fields for a Pod and its node, which are not listed here. The permission to impersonate
      // `serviceaccounts` is not checked: it may be given in any namespaces, and a SelfSubjectRulesReview reads one.
      impersonates: () => [uidTarget, credentialIdTarget],
    };
  },
} satisfies AuthenticationMethod<OptionValues<typeof options>>;
