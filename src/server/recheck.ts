import { AuthenticationError } from '../authentication/identity.js';
import type { GuardParts } from '../guard/guard.js';
import { StatusError } from '../kubernetes/status.js';
import { isSameUser, type UserInfo } from '../kubernetes/user-info.js';
import type { Clock } from '../lib/clock.js';
import type { OpenCallers, Recheck } from '../proxy/route.js';
import type { OpenRequest } from '../request/context.js';
import { permitAgain } from '../reviews/impersonation-reviews.js';
import { ReplacedError } from '../transport/access.js';

type Answer<T> = T | Promise<T>;

/** What may be asked again about an open request. */
export type Rechecks = NonNullable<ReturnType<typeof createRechecks>>;

/** Undefined if callers are not authenticated. */
export function createRechecks({ authentication, reviews }: Pick<GuardParts, 'authentication' | 'reviews'>) {
  if (authentication === undefined) return undefined;
  /** Whether the caller's credential is valid, and still that of the same user. */
  const isStillKnown: Recheck = request =>
    decided(() =>
      then(authentication.recheck(request), user => isSameUser(user, request.caller as UserInfo)),
    );
  /** Whether the caller may still act as the user that the request names. */
  const mayStillAct: Recheck = ({ cluster, endpoint, mount, caller, impersonated }) => {
    if (impersonated === undefined) return true;
    const impersonator = { caller: caller as UserInfo, cluster, endpoint, mount };
    return decided(() => permitAgain(reviews, impersonator, impersonated).then(() => true));
  };
  /** Both. */
  const isStillLetIn: Recheck = request =>
    then(isStillKnown(request), isKnown => isKnown && mayStillAct(request));
  return { isStillKnown, mayStillAct, isStillLetIn };
}

/** What comes of an answer: at once, if the answer is there. */
function then<T, R>(answer: Answer<T>, next: (answer: T) => Answer<R>): Answer<R> {
  return answer instanceof Promise ? answer.then(next) : next(answer);
}

/** The answer; false for an error that is one: 401, 403, or the API server that has let the caller in is no longer in use. */
function decided(ask: () => Answer<boolean>): Answer<boolean> {
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
