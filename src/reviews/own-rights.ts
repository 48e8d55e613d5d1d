import type { Cluster } from '../clusters/cluster.js';
import { shareCheck } from '../clusters/shared-check.js';
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
  const missing = refused.filter(right => !rules.some(rule => covers(rule, right)));
  if (missing.length === 0) return;
  if (!rules.some(isConstrained)) {
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
  await checkConstrained(reviews, cluster, { targets, rules });
}

/** Rejects with the rights of constrained impersonation that are missing: for values of users, and for reviews in their name. */
async function checkConstrained(
  reviews: Pick<Reviews, 'ask'>,
  cluster: Cluster,
  { targets, rules }: { readonly targets: readonly ImpersonationTarget[]; readonly rules: readonly Rule[] },
): Promise<void> {
  const impossible = targets.flatMap(({ subresource = '/' }) => (isExtraKey(subresource) ? [] : subresource));
  if (impossible.length > 0) {
    throw new Error(
      `constrained impersonation takes no extra field ${impossible.join(', ')}: a key needs the form domain/path in lower case`,
    );
  }
  const values = targets.map(target => ({
    ...target,
    verb: 'impersonate:user-info',
    group: 'authentication.k8s.io',
  }));
  const acts = ownReviews.map(resource => ({
    ...{ verb: 'impersonate-on:user-info:create', group: 'authorization.k8s.io', resource },
  }));
  const refused = await refusedOf(reviews, cluster, [...values, ...acts]);
  const missing = refused.filter(right => !rules.some(rule => covers(rule, right)));
  if (missing.length === 0) return;
  throw new Error(
    `the proxy's identity lacks rights of constrained impersonation: ${missing.map(right => `${right.verb} ${describe(right)}`).join(', ')}; ` +
      'grant them, otherwise requests of callers fail with 403',
  );
}

/** The reviews that the proxy, and kubectl auth can-i, ask for in the name of a caller. */
const ownReviews = ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'];

/** Whether constrained impersonation takes a key of an extra field (apiserver `validateExtra`); also true of no key, which is `/` here. */
function isExtraKey(key: string): boolean {
  return key === '/' || /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/[^A-Z]+$/.test(key);
}

type Right = ImpersonationTarget & { readonly verb: string };

/** The rights that the API server does not give for all names. */
async function refusedOf(
  reviews: Pick<Reviews, 'ask'>,
  cluster: Cluster,
  rights: readonly Right[],
): Promise<readonly Right[]> {
  const verdicts = await Promise.all(
    rights.map(right =>
      reviews.ask({ ...{ cluster, as: 'configured' }, attributes: { resourceAttributes: right } }),
    ),
  );
  return rights.filter((_, index) => verdicts[index]?.isAllowed === false);
}

interface Rule {
  readonly verbs?: readonly string[] | null;
  readonly apiGroups?: readonly string[] | null;
  readonly resources?: readonly string[] | null;
}

/** SelfSubjectRulesReview returns the rules themselves, including those for certain names. */
async function ownRules(cluster: Cluster): Promise<readonly Rule[]> {
  const { resourceRules } = await reviewAccess(cluster, 'SelfSubjectRulesReview', { namespace: 'default' });
  return Array.isArray(resourceRules) ? (resourceRules as Rule[]) : [];
}

function isConstrained({ verbs }: Rule): boolean {
  return verbs?.some(verb => /^impersonate(?:-on)?:/.test(verb)) === true;
}

function covers(rule: Rule, { verb, group, resource, subresource }: Right): boolean {
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

function describe({ group, resource, subresource }: ImpersonationTarget): string {
  const name = subresource === undefined ? resource : `${resource}/${subresource}`;
  return group === '' ? name : `${name} (${group})`;
}
