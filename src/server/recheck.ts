import { AuthenticationError } from '../authentication/identity.js';
import type { GuardParts } from '../guard/guard.js';
import { StatusError } from '../kubernetes/status.js';
import { isSameUser, type UserInfo } from '../kubernetes/user-info.js';
import type { Clock } from '../lib/clock.js';
import type { OpenCallers, Recheck } from '../proxy/route.js';
import type { OpenRequest } from '../request/context.js';
import { permitAgain } from '../reviews/impersonation-reviews.js';
import { ReplacedError } from '../transport/access.js';

/** What may be asked again about an open request. */
export interface Rechecks {
  /** Whether the caller's credential is valid, and still that of the same user. */
  readonly isStillKnown: Recheck;
  /** Whether the caller may still act as the user that the request names. */
  readonly mayStillAct: Recheck;
  /** Both. */
  readonly isStillLetIn: Recheck;
}

/** Undefined if callers are not authenticated. */
export function createRechecks({
  authentication,
  reviews,
}: Pick<GuardParts, 'authentication' | 'reviews'>): Rechecks | undefined {
  if (authentication === undefined) return undefined;
  const isStillKnown = (request: OpenRequest) =>
    decided(() => {
      const caller = request.caller as UserInfo;
      const found = authentication.recheck(request);
      return found instanceof Promise
        ? found.then(user => isSameUser(user, caller))
        : isSameUser(found, caller);
    });
  const mayStillAct = ({ cluster, endpoint, mount, caller, impersonated }: OpenRequest) => {
    if (impersonated === undefined) return true;
    const impersonator = { caller: caller as UserInfo, cluster, endpoint, mount };
    return decided(() => permitAgain(reviews, impersonator, impersonated).then(() => true));
  };
  const isStillLetIn = (request: OpenRequest) => {
    const isKnown = isStillKnown(request);
    return isKnown instanceof Promise
      ? isKnown.then(known => known && mayStillAct(request))
      : isKnown && mayStillAct(request);
  };
  return { isStillKnown, mayStillAct, isStillLetIn };
}

/** The answer; false for an error that is one: 401, 403, or the API server that has let the caller in is no longer in use. */
function decided(ask: () => boolean | Promise<boolean>): boolean | Promise<boolean> {
  try {
    const answer = ask();
    return answer instanceof Promise ? answer.catch(refused) : answer;
  } catch (error) {
    return refused(error);
  }
}

function refused(error: unknown): false {
  const isPassing = error instanceof AuthenticationError && error.isPassing;
  const isFailure = error instanceof StatusError && error.code >= 500 && !(error instanceof ReplacedError);
  if (isPassing || isFailure) throw error;
  return false;
}

/**
 * The callers of open requests for routes.
 *
 * @param clock That of whoever ends streams with an expired credential, in its own time; undefined if routes have to end them.
 */
export function openCallers(
  { isStillLetIn, mayStillAct }: Rechecks,
  clock: Pick<Clock, 'now'> | undefined,
): OpenCallers {
  if (clock === undefined) return { isStillLetIn, endOf: ({ caller }) => caller?.expires };
  const hasExpired = ({ caller }: OpenRequest) =>
    caller?.expires !== undefined && caller.expires <= clock.now();
  return {
    isStillLetIn: request => (hasExpired(request) ? mayStillAct(request) : isStillLetIn(request)),
    endOf: () => undefined,
  };
}
