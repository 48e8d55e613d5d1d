import { AuthenticationError } from '../authentication/identity.js';
import type { GuardParts } from '../guard/guard.js';
import { StatusError } from '../kubernetes/status.js';
import { isSameUser, type UserInfo } from '../kubernetes/user-info.js';
import type { Recheck } from '../proxy/route.js';
import type { OpenRequest } from '../request/context.js';
import { permitImpersonation } from '../reviews/impersonation-reviews.js';
import { ReplacedError } from '../transport/access.js';

/** Undefined if callers are not authenticated. */
export function createRecheck({
  authentication,
  reviews,
}: Pick<GuardParts, 'authentication' | 'reviews'>): Recheck | undefined {
  if (authentication === undefined) return undefined;
  const mayAct = ({ cluster, endpoint, mount, impersonated }: OpenRequest, caller: UserInfo) =>
    impersonated === undefined ||
    permitImpersonation(reviews, { caller, cluster, endpoint, mount }, impersonated.attributes).then(
      () => true,
    );
  const judge = (request: OpenRequest, user: UserInfo) => {
    const caller = request.caller as UserInfo;
    return isSameUser(user, caller) && mayAct(request, caller);
  };
  return request => {
    try {
      const found = authentication.recheck(request);
      const verdict =
        found instanceof Promise ? found.then(user => judge(request, user)) : judge(request, found);
      return verdict instanceof Promise ? verdict.catch(refused) : verdict;
    } catch (error) {
      return refused(error);
    }
  };
}

/** False for an error that is an answer: 401, 403, or the API server that has let the caller in is no longer in use. Throws another one. */
function refused(error: unknown): false {
  const isPassing = error instanceof AuthenticationError && error.isPassing;
  const isFailure = error instanceof StatusError && error.code >= 500 && !(error instanceof ReplacedError);
  if (isPassing || isFailure) throw error;
  return false;
}
