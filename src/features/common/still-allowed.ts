import { OwnRefusalError } from '../../clusters/own-request.js';
import { namedUser } from '../../kubernetes/impersonation.js';
import { constrainedRights, type ImpersonatedAttribute } from '../../kubernetes/impersonation-rights.js';
import { isObject, parseObject } from '../../lib/json.js';
import type { Question, Reviews } from '../../reviews/reviews.js';

/** The API server does not let the proxy itself ask for reviews, or not in the name of a user that it may act as. */
export class NoReviewsError extends Error {
  constructor(cause: OwnRefusalError) {
    super('the API server does not let this proxy ask for reviews', { cause });
  }
}

/** Who is asked. */
export type StillAsked = Pick<Reviews, 'ask' | 'askNow' | 'forget'>;

/**
 * Whether a user may still do it, as it is now. Resolves to false only for a clear no: an authorizer denies it, or the API server says so, and
 * none has had an error, or it does not let the proxy act as the user any longer. From then on nothing that was said before counts for
 * anybody. Rejects if nobody can say it, and with a NoReviewsError if the proxy may not ask.
 */
export async function isStillAllowed(reviews: StillAsked, question: Question): Promise<boolean> {
  if (question.askAgain !== undefined) return question.askAgain();
  try {
    const { isAllowed, hasError } = await reviews.askNow(question);
    if (!isAllowed && hasError) throw new Error('an authorizer has an error');
    return isAllowed;
  } catch (error) {
    await refuseUnlessClear(reviews, error, question);
    reviews.forget(question);
    return false;
  }
}

/**
 * Throws the error of a review again, or a NoReviewsError in its place, unless it is a clear no: a 403 because the proxy may not act as the
 * user. That one names another right first if the API server has constrained impersonation.
 */
async function refuseUnlessClear(reviews: StillAsked, error: unknown, question: Question): Promise<void> {
  if (!(error instanceof OwnRefusalError) || error.status !== 403) throw error;
  const { details, message } = parseObject(error.body) ?? {};
  if (!isObject(details) || details['kind'] !== 'selfsubjectaccessreviews') return;
  const { as } = question;
  if (as === 'configured') throw new NoReviewsError(error);
  // The user may not ask for reviews.
  if (!/ cannot impersonate-on:/.test(String(message))) throw error;
  const may = async (resourceAttributes: ImpersonatedAttribute) => {
    const own = { ...question, as: 'configured', attributes: { resourceAttributes } } as const;
    return (await reviews.ask(own)).isAllowed;
  };
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
