import type { Cluster } from './cluster.js';
import { postReview } from './own-request.js';

const timeout = 5_000;
const authorization = 'authorization.k8s.io/v1';

/**
 * Asks the API server for a review of what a user may do, which every authenticated user may ask for (`system:basic-user`). Resolves to its
 * status; rejects without a whole answer in time, and for an answer of another status than 200 or 201.
 *
 * @param as Impersonate-* fields of the user; by default the identity of the proxy.
 */
export async function reviewAccess(
  cluster: Cluster,
  kind: 'SelfSubjectAccessReview' | 'SelfSubjectRulesReview',
  spec: object,
  as?: readonly string[],
): Promise<Record<string, unknown>> {
  const path = `/apis/${authorization}/${kind.toLowerCase()}s`;
  const review = { apiVersion: authorization, kind, spec, timeout };
  const answer = await postReview(cluster, path, { ...review, ...(as !== undefined && { as }) });
  if (answer.status !== 201 && answer.status !== 200) {
    throw new Error(`the API server at ${cluster.host} answers ${answer.status} to a ${kind}`);
  }
  const { status } = JSON.parse(answer.text) as { status?: Record<string, unknown> };
  return status ?? {};
}

/** Whether a user may do what `resourceAttributes` say. */
export async function isAllowed(
  cluster: Cluster,
  resourceAttributes: object,
  as?: readonly string[],
): Promise<boolean> {
  const status = await reviewAccess(cluster, 'SelfSubjectAccessReview', { resourceAttributes }, as);
  return status['allowed'] === true;
}
