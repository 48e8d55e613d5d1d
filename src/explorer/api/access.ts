import type { ApiResource } from './discovery.js';

/** Whether one may do something; undefined where the answer does not say. */
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

/** The verbs that every resource may have, in the order in which one reads them. */
const order = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];

/** A resource's verbs in that order. */
export function orderedVerbs({ verbs }: ApiResource): readonly string[] {
  return [...order.filter(verb => verbs.includes(verb)), ...verbs.filter(verb => !order.includes(verb))];
}

/** What rules say of a verb for every object of a resource. Incomplete rules allow what they list, and say nothing of the rest. */
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
      // `*/scale` is for subresources alone.
      has(resources, name),
  );
  if (isAllowed) return true;
  return incomplete ? undefined : false;
}

function has(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted);
}
