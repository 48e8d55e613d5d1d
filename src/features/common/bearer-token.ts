import type { ImpersonationTarget } from '../../reviews/own-rights.js';

/** The hint in a 401, for every method that takes bearer tokens. */
export const bearerTokenHint = 'send "Authorization: Bearer TOKEN" with a token that is valid';

/** The user's fields in a kubeconfig for callers, for every method that takes bearer tokens. */
export const bearerTokenFields = { token: 'PASTE-YOUR-TOKEN-HERE' };

/**
 * What the proxy must be allowed to impersonate for users whose token has an ID, which audit logs show: tokens of service accounts since
 * Kubernetes 1.30, and those of issuers with `jti`.
 */
export const credentialIdTarget = {
  group: 'authentication.k8s.io',
  resource: 'userextras',
  subresource: 'authentication.kubernetes.io/credential-id',
} as const satisfies ImpersonationTarget;
