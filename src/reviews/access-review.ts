import { OwnRefusalError, type OwnRequest, postReview } from '../clusters/own-request.js';
import type { AccessSource } from '../transport/access.js';

const timeout = 5_000;
const authorization = 'authorization.k8s.io/v1';

/** The user that a review is about, by default the proxy's own identity, and what the access must be like. */
type Subject = Omit<OwnRequest, 'accept' | 'timeout'>;

/** An API server, its name in messages, and that of its context. */
export type ReviewingCluster = AccessSource & { readonly host: string; readonly name: string };

/**
 * Asks the API server what a user may do. Every authenticated user may ask for such a review (`system:basic-user`). Resolves to the status
 * of the review. Rejects if there is no complete answer in time, and with an OwnRefusalError if its HTTP status is neither 200 nor 201.
 */
export async function reviewAccess(
  cluster: ReviewingCluster,
  kind: 'SelfSubjectAccessReview' | 'SelfSubjectRulesReview',
  spec: object,
  subject: Subject = {},
): Promise<Record<string, unknown>> {
  const review = { apiVersion: authorization, kind, spec, timeout };
  const answer = await postReview(cluster, { ...review, ...subject });
  if (answer.status !== 201 && answer.status !== 200) {
    throw new OwnRefusalError(cluster.host, `a ${kind}`, answer.status, answer.text);
  }
  const { status } = JSON.parse(answer.text) as { status?: Record<string, unknown> };
  return status ?? {};
}
