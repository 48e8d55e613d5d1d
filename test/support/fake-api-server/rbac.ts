import { defaultPolicy, type Policy } from './authorization.js';
import type { RequestAttributes } from './request-attributes.js';

/** A rule of a ClusterRole. A field that is missing is empty. */
export type Rule = Readonly<
  Partial<
    Record<'apiGroups' | 'resources' | 'verbs' | 'nonResourceURLs' | 'resourceNames', readonly string[]>
  >
>;

/** Whether a rule allows a request (RuleAllows of RBAC's authorizer). */
function ruleAllows(rule: Rule, asked: RequestAttributes): boolean {
  const { verbs = [], nonResourceURLs = [], apiGroups = [], resources = [], resourceNames = [] } = rule;
  const { resource, subresource, name } = asked;
  const has = (list: readonly string[], value: string) => list.includes('*') || list.includes(value);
  if (!has(verbs, asked.verb)) return false;
  if (!asked.isResourceRequest) {
    return nonResourceURLs.some(url =>
      url.endsWith('*') ? asked.path.startsWith(url.slice(0, -1)) : asked.path === url,
    );
  }
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return (
    has(apiGroups, asked.group) &&
    has(resources, whole) &&
    (resourceNames.length === 0 || resourceNames.includes(name))
  );
}

/** A policy that gives users their rules, besides RBAC's built-in rights. */
export function policyOf(rulesOf: (user: string) => readonly Rule[] | undefined): Policy {
  return (user, asked) =>
    defaultPolicy(user, asked) || (rulesOf(user.username) ?? []).some(rule => ruleAllows(rule, asked));
}
