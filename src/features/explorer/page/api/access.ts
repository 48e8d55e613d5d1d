import type { ApiResource } from './discovery.js';
import type { WireList } from './objects.js';

/** A verb on a resource, or on one of its subresources. */
export interface Operation {
  /** Empty for the resource itself. */
  readonly subresource: string;
  readonly verb: string;
}

/** Whether the user may do something, as far as the API server and the proxy say. */
export type Verdict =
  | {
      readonly kind: Decision /** What the proxy does with the answer. */;
      readonly note?: string | undefined;
    }
  /** A rule of the proxy refuses it, whatever the API server allows. The message names the rule. */
  | { readonly kind: 'refused'; readonly message: string };

/** What the API server says. */
type Decision = 'yes' | 'no' | 'unknown';

/** The status of a SelfSubjectRulesReview (k8s.io/api `authorization/v1`). */
export interface Rules {
  readonly resourceRules: WireList<{
    readonly verbs: WireList<string>;
    readonly apiGroups?: WireList<string>;
    readonly resources?: WireList<string>;
    readonly resourceNames?: WireList<string>;
  }>;
  readonly incomplete: boolean;
}

/** The verbs that a resource may have, in the usual order. */
const order = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];

/** The verbs of a resource or a subresource in that order. */
export function orderedVerbs({ verbs }: { readonly verbs: readonly string[] }): readonly string[] {
  return [...order.filter(verb => verbs.includes(verb)), ...verbs.filter(verb => !order.includes(verb))];
}

/** Everything that can be done with a resource: its own verbs, and then those of its subresources. */
export function operationsOf(resource: ApiResource): readonly Operation[] {
  return [{ name: '', verbs: resource.verbs }, ...resource.subresources].flatMap(({ name, verbs }) =>
    orderedVerbs({ verbs }).map(verb => ({ subresource: name, verb })),
  );
}

/**
 * What the rules say about an operation on all objects of a resource. Incomplete rules allow what they list, and say nothing about the
 * rest.
 */
export function verdictOf(
  { resourceRules, incomplete }: Rules,
  { group, name }: Pick<ApiResource, 'group' | 'name'>,
  { subresource, verb }: Operation,
): Decision {
  const names = subresource === '' ? [name] : [`${name}/${subresource}`, `*/${subresource}`];
  const isAllowed = resourceRules?.some(
    ({ verbs, apiGroups, resources, resourceNames }) =>
      (resourceNames ?? []).length === 0 &&
      has(verbs, verb) &&
      has(apiGroups, group) &&
      names.some(wanted => has(resources, wanted)),
  );
  if (isAllowed === true) return 'yes';
  return incomplete ? 'unknown' : 'no';
}

function has(list: WireList<string> | undefined, wanted: string): boolean {
  return list?.includes('*') === true || list?.includes(wanted) === true;
}
