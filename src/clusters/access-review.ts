import type { Cluster } from './cluster.js';
import type { Session } from './endpoint.js';
import { postReview } from './own-request.js';

const timeout = 5_000;
const authorization = 'authorization.k8s.io/v1';

/** About whom a review is asked. */
interface Subject {
  /** Impersonate-* fields of the user; by default the identity of the proxy. */
  readonly as?: readonly string[] | undefined;
  /** Whether this session leads to the API server and the identity that are meant; by default every one does. */
  readonly isFor?: (session: Session) => boolean;
}

/**
 * Asks the API server for a review of what a user may do, which every authenticated user may ask for (`system:basic-user`). Resolves to its
 * status; rejects without a whole answer in time, and for an answer of another status than 200 or 201.
 */
export async function reviewAccess(
  cluster: Cluster,
  kind: 'SelfSubjectAccessReview' | 'SelfSubjectRulesReview',
  spec: object,
  { as, isFor }: Subject = {},
): Promise<Record<string, unknown>> {
  const path = `/apis/${authorization}/${kind.toLowerCase()}s`;
  const review = { apiVersion: authorization, kind, spec, timeout };
  const asked = { ...(as !== undefined && { as }), ...(isFor !== undefined && { isFor }) };
  const answer = await postReview(cluster, path, { ...review, ...asked });
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
  subject?: Subject,
): Promise<boolean> {
  const status = await reviewAccess(cluster, 'SelfSubjectAccessReview', { resourceAttributes }, subject);
  return status['allowed'] === true;
}
