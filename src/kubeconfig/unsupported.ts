import type { AuthInfo, Cluster } from './types.js';

/**
 * What a kubeconfig may ask for that this version does not do: one line each, so that nobody is served as somebody
 * else or by another way than the file says. `user` and `cluster` say whose entry it is.
 */
export function findUnsupported(
  { name: user, value: auth }: { readonly name: string; readonly value: AuthInfo },
  { name: cluster, value: target }: { readonly name: string; readonly value: Cluster },
  isTls: boolean,
): string[] {
  const problems: string[] = [];
  const refuse = (subject: string, feature: string): void => {
    problems.push(`${subject} uses ${feature}, which this version does not support yet`);
  };
  if (isTls && auth.exec !== undefined) refuse(user, 'an exec plugin');
  if (isTls && auth['auth-provider'] !== undefined) refuse(user, 'an auth provider');
  const isImpersonating =
    (auth.as ?? '') !== '' ||
    (auth['as-uid'] ?? '') !== '' ||
    (auth['as-groups'] ?? []).length > 0 ||
    Object.keys(auth['as-user-extra'] ?? {}).length > 0;
  if (isImpersonating) refuse(user, 'impersonation (as, as-uid, as-groups, as-user-extra)');
  if ((target['proxy-url'] ?? '') !== '') refuse(cluster, 'a proxy (proxy-url)');
  return problems;
}
