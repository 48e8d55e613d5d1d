import type { ImpersonationTarget } from '../clusters/impersonation-access.js';
import type { CallerEntry } from '../kubeconfig/types.js';
import { AcceptedGroups } from './accepted-groups.js';
import { Authentication } from './authentication.js';
import type { IdentityOptions } from './identity.js';
import {
  type ActiveMethod,
  type AuthenticationMethod,
  type MethodParts,
  type TrustedIssuer,
  uidTarget,
} from './method.js';

/** The methods that the options turn on. Each follows the changes of its files. */
export interface ConfiguredAuthentication {
  readonly authentication: Authentication;
  /** What the proxy's identity must be allowed to impersonate, for all users that can be authenticated, and those that they may name. */
  impersonated(): readonly ImpersonationTarget[];
  /** The checks for readyz. */
  readonly checks: readonly NonNullable<ActiveMethod['check']>[];
  /** What readyz says besides, one line each. */
  warnings(): readonly string[];
  /** The OpenID Connect issuers whose tokens callers may use now. */
  issuers(): readonly TrustedIssuer[];
  /** The users in a kubeconfig for callers. */
  kubeconfigUsers(): readonly CallerEntry[];
  /** Starts the background work. No connection is opened before. */
  start(): void;
  close(): void;
}

const userTargets: readonly ImpersonationTarget[] = ['users', 'groups'].map(resource => ({
  group: '',
  resource,
}));

/** Creates the methods. Reads files, but opens no connection. Collects all problems. */
export async function configureAuthentication<Options extends IdentityOptions>(
  options: Options,
  methodsOn: readonly AuthenticationMethod<Options>[],
  parts: Omit<MethodParts, 'rules'>,
): Promise<ConfiguredAuthentication | { readonly problems: readonly string[] }> {
  const { allowSystemIdentities, acceptGroup } = options;
  const rules = {
    allowed: new Set(allowSystemIdentities),
    accepted: acceptGroup.length === 0 ? undefined : new AcceptedGroups(acceptGroup, parts.logger),
  };
  const created = await Promise.all(
    methodsOn.map(async method => ({
      method,
      active: await method.create(options, { ...parts, rules }),
    })),
  );
  const problems = created.flatMap(({ active }) => ('problems' in active ? active.problems : []));
  const methods = created.flatMap(({ method, active }) =>
    'problems' in active ? [] : [{ ...method, ...active }],
  );
  const close = () => {
    for (const method of methods) method.close?.();
  };
  if (problems.length > 0) {
    close();
    return { problems };
  }
  return {
    authentication: new Authentication(methods, parts.metrics),
    impersonated: () => [
      ...new Set([
        ...userTargets,
        ...(options.allowImpersonation ? [uidTarget] : []),
        ...methods.flatMap(method => method.impersonates?.() ?? []),
      ]),
    ],
    checks: methods.flatMap(({ check }) => (check === undefined ? [] : [check])),
    warnings: () => methods.flatMap(method => method.warnings?.() ?? []),
    issuers: () => methods.flatMap(method => method.issuers?.() ?? []),
    kubeconfigUsers: () => methods.flatMap(method => method.kubeconfigUsers()),
    start() {
      for (const method of methods) method.start?.();
    },
    close,
  };
}
