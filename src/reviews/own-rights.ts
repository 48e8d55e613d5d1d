import type { Cluster } from '../clusters/cluster.js';
import { shareCheck } from '../clusters/shared-check.js';
import { isConstrainedExtraKey } from '../kubernetes/impersonation-rights.js';
import { reviewAccess } from './access-review.js';
import type { ConstrainedImpersonation } from './constrained-impersonation.js';
import type { Reviews } from './reviews.js';

/** An attribute of a user that the proxy needs a permission to impersonate. */
export interface ImpersonationTarget {
  /** API group; empty for the core group. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
}

const lifetime = { passed: 30_000, failed: 5_000 };

/** What the check asks. */
interface Parts {
  readonly reviews: Pick<Reviews, 'ask'>;
  readonly constrainedImpersonation: Pick<ConstrainedImpersonation, 'isThere'>;
}

/**
 * Creates a check that resolves if the configured identity may impersonate all of these, by legacy or by constrained impersonation, and
 * otherwise rejects with what is missing: in terms of constrained impersonation if the identity has any right of it. A permission for certain
 * names only (`resourceNames`) is enough, because the API server checks the name at each request. The API server is asked at most every 30 s.
 */
export function createImpersonationCheck(
  parts: Parts,
  cluster: Cluster,
  targets: () => readonly ImpersonationTarget[],
): () => Promise<void> {
  return shareCheck(() => check(parts, cluster, targets()), lifetime);
}

async function check(
  { reviews, constrainedImpersonation }: Parts,
  cluster: Cluster,
  targets: readonly ImpersonationTarget[],
): Promise<void> {
  const legacy = targets.map(target => ({ verb: 'impersonate', ...target }));
  const refused = await refusedOf(reviews, cluster, legacy);
  if (refused.length === 0) return;
  const rules = await ownRules(cluster);
  const modes = modesOf(rules);
  const missing = withoutNamed(refused, rules).filter(
    right => !(right.resource === 'users' && rules.some(isForServiceAccounts)),
  );
  if (missing.length === 0) return;
  if (modes.length === 0) {
    throw new Error(
      `the proxy's identity may not impersonate ${missing.map(describe).join(', ')}; ` +
        'grant it the verb impersonate on them, otherwise requests of callers fail with 403',
    );
  }
  if (!(await constrainedImpersonation.isThere(cluster))) {
    throw new Error(
      "this API server has no constrained impersonation (Kubernetes 1.36), by which the proxy's identity may act as callers; " +
        'upgrade it, or grant the verb impersonate, otherwise requests of callers fail with 403',
    );
  }
  await checkConstrained(reviews, cluster, { modes, targets, rules });
}

/**
 * Rejects with the rights of constrained impersonation that are missing: for values of users, and for what the proxy and clients do in the
 * name of each caller. Those for service accounts are not among the values: they may be given in any namespaces, and the rules are of one.
 */
async function checkConstrained(
  reviews: Pick<Reviews, 'ask'>,
  cluster: Cluster,
  { modes, targets, rules }: ConstrainedRights,
): Promise<void> {
  const impossible = targets.flatMap(({ subresource = '' }) =>
    subresource === '' || isConstrainedExtraKey(subresource) ? [] : subresource,
  );
  if (impossible.length > 0) {
    throw new Error(
      `constrained impersonation takes no extra field ${impossible.join(', ')}: a key needs the form domain/path in lower case`,
    );
  }
  const [verb, group] = ['impersonate:user-info', 'authentication.k8s.io'];
  const values = modes.includes('user-info') ? targets.map(target => ({ ...target, verb, group })) : [];
  const refused = await refusedOf(reviews, cluster, [...values, ...modes.flatMap(actsOf)]);
  const missing = withoutNamed(refused, rules);
  if (missing.length === 0) return;
  throw new Error(
    `the proxy's identity lacks rights of constrained impersonation: ${missing.map(right => `${right.verb} ${describe(right)}`).join(', ')}; ` +
      'grant them, otherwise requests of callers fail with 403',
  );
}

/** What an identity with these rules needs in these modes, to act as users with these attributes. */
interface ConstrainedRights {
  readonly modes: readonly string[];
  readonly targets: readonly ImpersonationTarget[];
  readonly rules: readonly Rule[];
}

/** The modes of constrained impersonation in which an identity with these rules acts; empty if it has none of its rights. */
function modesOf(rules: readonly Rule[]): readonly string[] {
  const verbs = rules.flatMap(rule => rule.verbs ?? []).filter(verb => /^impersonate(?:-on)?:/.test(verb));
  const modes = ['user-info', 'serviceaccount'].filter(mode =>
    verbs.some(verb => verb.split(':')[1] === mode),
  );
  return verbs.length > 0 && modes.length === 0 ? ['user-info'] : modes;
}

/** A path of each kind by which clients find out what the API has. */
const discovery = ['/api', '/api/v1', '/apis', '/apis/apps/v1', '/openapi/v3', '/version'];

/** Reviews that the proxy and kubectl ask for in the name of a caller, and discovery. */
function actsOf(mode: string): readonly Right[] {
  const create = { verb: `impersonate-on:${mode}:create` };
  return [
    ...['selfsubjectaccessreviews', 'selfsubjectrulesreviews'].map(resource => ({
      ...{ ...create, group: 'authorization.k8s.io', resource },
    })),
    { ...create, group: 'authentication.k8s.io', resource: 'selfsubjectreviews' },
    ...discovery.map(path => ({ verb: `impersonate-on:${mode}:get`, path })),
  ];
}

type ResourceRight = ImpersonationTarget & { readonly verb: string };
type Right = ResourceRight | { readonly verb: string; readonly path: string };

/** The rights that the API server does not give for all names. */
async function refusedOf<R extends Right>(
  reviews: Pick<Reviews, 'ask'>,
  cluster: Cluster,
  rights: readonly R[],
): Promise<readonly R[]> {
  const verdicts = await Promise.all(
    rights.map((right: Right) => {
      const attributes = 'path' in right ? { nonResourceAttributes: right } : { resourceAttributes: right };
      return reviews.ask({ cluster, as: 'configured', attributes });
    }),
  );
  return rights.filter((_, index) => verdicts[index]?.isAllowed === false);
}

/** The rights that no rule has, even for certain names. */
function withoutNamed<R extends Right>(refused: readonly R[], rules: readonly Rule[]): readonly R[] {
  return refused.filter((right: Right) => 'path' in right || !rules.some(rule => covers(rule, right)));
}

interface Rule {
  readonly verbs?: readonly string[] | null;
  readonly apiGroups?: readonly string[] | null;
  readonly resources?: readonly string[] | null;
  readonly resourceNames?: readonly string[] | null;
}

/** SelfSubjectRulesReview returns the rules themselves, including those for certain names. */
async function ownRules(cluster: Cluster): Promise<readonly Rule[]> {
  const { resourceRules } = await reviewAccess(cluster, 'SelfSubjectRulesReview', { namespace: 'default' });
  return Array.isArray(resourceRules) ? (resourceRules as Rule[]) : [];
}

/** Whether the identity may act for the groups of service accounts: then it may have been given no callers but these. */
function isForServiceAccounts(rule: Rule): boolean {
  const isOfGroups = covers(rule, { verb: 'impersonate', group: '', resource: 'groups' });
  return isOfGroups && rule.resourceNames?.includes('system:serviceaccounts') === true;
}

function covers(rule: Rule, { verb, group, resource, subresource }: ResourceRight): boolean {
  const name = subresource === undefined ? resource : `${resource}/${subresource}`;
  return (
    has(rule.verbs, verb) &&
    has(rule.apiGroups, group) &&
    (has(rule.resources, name) || (subresource !== undefined && has(rule.resources, `*/${subresource}`)))
  );
}

function has(list: Rule['verbs'], item: string): boolean {
  return list?.includes(item) === true || list?.includes('*') === true;
}

function describe(right: ImpersonationTarget | { readonly path: string }): string {
  if ('path' in right) return right.path;
  const { group, resource, subresource } = right;
  const name = subresource === undefined ? resource : `${resource}/${subresource}`;
  return group === '' ? name : `${name} (${group})`;
}
