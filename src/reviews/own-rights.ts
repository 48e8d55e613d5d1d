import type { Cluster } from '../clusters/cluster.js';
import { shareCheck } from '../clusters/shared-check.js';
import { reviewAccess } from './access-review.js';
import type { Reviews } from './reviews.js';

/** An attribute of a user that the proxy needs a permission to impersonate. */
export interface ImpersonationTarget {
  /** API group; empty for the core group. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
}

const lifetime = { passed: 30_000, failed: 5_000 };

/**
 * Creates a check that resolves if the configured identity may impersonate all of these, and otherwise rejects with the missing
 * permissions. A permission for certain names only (`resourceNames`) is enough, because the API server checks the name at each request. The
 * API server is asked at most every 30 s.
 */
export function createImpersonationCheck(
  reviews: Pick<Reviews, 'ask'>,
  cluster: Cluster,
  targets: () => readonly ImpersonationTarget[],
): () => Promise<void> {
  return shareCheck(() => check(reviews, cluster, targets()), lifetime);
}

async function check(
  reviews: Pick<Reviews, 'ask'>,
  cluster: Cluster,
  targets: readonly ImpersonationTarget[],
): Promise<void> {
  const verdicts = await Promise.all(
    targets.map(target =>
      reviews.ask({
        ...{ cluster, as: 'configured' },
        attributes: { resourceAttributes: { verb: 'impersonate', ...target } },
      }),
    ),
  );
  const refused = targets.filter((_, index) => verdicts[index]?.isAllowed === false);
  if (refused.length === 0) return;
  const rules = await ownRules(cluster);
  const missing = refused.filter(target => !rules.some(rule => covers(rule, target)));
  if (missing.length === 0) return;
  throw new Error(
    `the proxy's identity may not impersonate ${missing.map(describe).join(', ')}; ` +
      'grant it the verb impersonate on them, otherwise requests of callers fail with 403',
  );
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

function covers(rule: Rule, { group, resource, subresource }: ImpersonationTarget): boolean {
  const name = subresource === undefined ? resource : `${resource}/${subresource}`;
  return (
    has(rule.verbs, 'impersonate') &&
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
