import type { ImpersonationTarget } from '../reviews/own-rights.js';
import { Authentication, type CallerMetrics } from './authentication.js';
import type { IdentityOptions } from './identity.js';
import { type ActiveMethod, type AuthenticationMethod, uidTarget } from './method.js';

/** A method that the options turn on, and what it was made as. */
export type UsedMethod = AuthenticationMethod<never> & ActiveMethod;

const userTargets: readonly ImpersonationTarget[] = ['users', 'groups'].map(resource => ({
  group: '',
  resource,
}));

/**
 * Puts the methods together.
 *
 * @param methods In the order in which they are tried.
 */
export function configureAuthentication(
  { allowImpersonation }: Pick<IdentityOptions, 'allowImpersonation'>,
  methods: readonly UsedMethod[],
  metrics: CallerMetrics,
) {
  return {
    authentication: new Authentication(methods, metrics),
    /** What the proxy's identity must be allowed to impersonate, for all users that can be authenticated, and those that they may name. */
    impersonated: () => [
      ...new Set([
        ...userTargets,
        ...(allowImpersonation ? [uidTarget] : []),
        ...methods.flatMap(method => method.impersonates?.() ?? []),
      ]),
    ],
    /** The checks for readyz: none where a method always works, because then callers of that one must be served. */
    checks: methods.every(({ check }) => check !== undefined)
      ? methods.flatMap(({ check }) => check ?? [])
      : [],
    /** The OpenID Connect issuers whose tokens callers may use now. */
    issuers: () => methods.flatMap(method => method.issuers?.() ?? []),
    /** The users in a kubeconfig for callers. */
    kubeconfigUsers: () => methods.flatMap(method => method.kubeconfigUsers()),
  };
}
