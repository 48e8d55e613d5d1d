import type { ApiResource } from './discovery.js';

/** Whether the user may do something; undefined if the answer does not say. */
export type Verdict = boolean | undefined;

/** The status of a SelfSubjectRulesReview (k8s.io/api `authorization/v1`). */
export interface Rules {
  readonly resourceRules: readonly {
    readonly verbs: readonly string[];
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
  readonly incomplete: boolean;
}

/** The verbs that a resource may have, in the usual order. */
const order = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];

/** The verbs of a resource in that order. */
export function orderedVerbs({ verbs }: ApiResource): readonly string[] {
  return [...order.filter(verb => verbs.includes(verb)), ...verbs.filter(verb => !order.includes(verb))];
}

/** What the rules say about a verb for all objects of a resource. Incomplete rules allow what they list, and say nothing about the rest. */
export function verdictOf(
  { resourceRules, incomplete }: Rules,
  { group, name }: ApiResource,
  verb: string,
): Verdict {
  const isAllowed = resourceRules.some(
    ({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
      resourceNames.length === 0 &&
      has(verbs, verb) &&
      has(apiGroups, group) &&
      // `*/scale` means subresources only.
      has(resources, name),
  );
  if (isAllowed) return true;
  return incomplete ? undefined : false;
}

function has(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted);
}
