import { OwnRefusalError } from '../clusters/own-request.js';
import { namedUser } from '../kubernetes/impersonation.js';
import { constrainedRights, type ImpersonatedAttribute } from '../kubernetes/impersonation-rights.js';
import { isObject, parseObject } from '../lib/json.js';

/** The API server does not let the proxy itself ask for reviews, or not in the name of a user that it may act as. */
export class NoReviewsError extends Error {
  constructor(cause: OwnRefusalError) {
    super('the API server does not let this proxy ask for reviews', { cause });
  }
}

/**
 * Throws the error of a review again, or a NoReviewsError in its place, unless it is a clear no: a 403 because the proxy may not act as the
 * user. That one names another right first if the API server has constrained impersonation.
 *
 * @param as Impersonate-* fields of the user whom the review was about, or `configured`.
 * @param may Whether the proxy's own identity has a right to impersonate.
 */
export async function refuseUnlessClear(
  error: unknown,
  as: readonly string[] | 'configured',
  may: (right: ImpersonatedAttribute) => Promise<boolean>,
): Promise<void> {
  if (!(error instanceof OwnRefusalError) || error.status !== 403) throw error;
  const { details, message } = parseObject(error.body) ?? {};
  if (!isObject(details) || details['kind'] !== 'selfsubjectaccessreviews') return;
  if (as === 'configured') throw new NoReviewsError(error);
  // The user may not ask for reviews.
  if (!/ cannot impersonate-on:/.test(String(message))) throw error;
  if (await mayActAs(as, may)) throw new NoReviewsError(error);
}

/** Whether the proxy has the rights of constrained impersonation to all values of a user. */
async function mayActAs(
  as: readonly string[],
  may: (right: ImpersonatedAttribute) => Promise<boolean>,
): Promise<boolean> {
  const user = namedUser(as);
  for (const { all, each } of (user && constrainedRights(user)?.sets) ?? []) {
    if (all !== undefined && (await may(all))) continue;
    if ((await Promise.all(each.map(may))).includes(false)) return false;
  }
  return true;
}
