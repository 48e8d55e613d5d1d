import { namedUser } from '../kubernetes/impersonation.js';
import type { Clock } from '../lib/clock.js';
import { digest } from '../lib/digest.js';
import { FairSlots } from '../lib/fair-slots.js';
import { isObject, parseObject } from '../lib/json.js';
import { Moment } from '../lib/moment.js';
import { SharedCapacity } from '../lib/shared-capacity.js';
import type { AccessConditions, UserIdentity } from '../transport/access.js';
import { ReviewError, type ReviewingCluster, reviewAccess } from './access-review.js';

/** What a user wants to do, as authorization.k8s.io/v1 has it. */
export type Attributes =
  | { readonly resourceAttributes: object }
  | { readonly nonResourceAttributes: { readonly path: string; readonly verb: string } };

/** May a user do this? */
export interface Question {
  /** The API server that is asked. */
  readonly cluster: ReviewingCluster;
  /** Impersonate-* fields of the user: name, value, …; `configured` for the user of the access. */
  readonly as: readonly string[] | 'configured';
  readonly attributes: Attributes;
  /** What the access must be like. The user of the access, if there is one, has a key. */
  readonly access?: AccessConditions & {
    readonly user?: (UserIdentity & { readonly key: string }) | undefined;
  };
  /** What is remembered for one of these objects counts for no other one, and is forgotten with it. By default the cluster. */
  readonly scope?: object;
}

/** The API server's answer. */
export interface Verdict {
  readonly isAllowed: boolean;
  /** What the authorizer says about it; may be empty. */
  readonly reason: string;
  /** Whether an authorizer had an error, or the answer is none: then a no may only mean that nobody can say it. */
  readonly hasError: boolean;
}

/** A user has too many reviews that have no answer yet. */
export class TooManyReviewsError extends Error {
  constructor() {
    super('the API server has too many questions about this user at this moment');
  }
}

/** Milliseconds for which the API server's permission is valid. */
const lifetime = 10_000;
/** How many permissions are remembered, over all clusters. */
const capacity = 4096;
/**
 * How many reviews of one user a cluster gets at a time. A request may need 64 of them. Each takes a connection, and goes on if the caller
 * leaves.
 */
const mostAtATime = 512;

/** What is remembered for one scope. */
interface Answers {
  /** When each permission was asked for. */
  readonly permissions: Map<string, Moment>;
  /** The reviews that have no answer yet. */
  readonly pending: Map<string, Promise<Verdict>>;
}

/**
 * Asks API servers what users may do. All such questions go through here: whether a client may join a shared watch, whether a caller may act
 * as another user, what the proxy's own identity may do. Only permissions are remembered, each for one user with all that is known of it.
 * Equal questions at the same time share a review.
 */
export class Reviews {
  readonly #clock: Clock;
  readonly #capacity = new SharedCapacity(capacity);
  readonly #answers = new WeakMap<object, Answers>();
  readonly #slots = new WeakMap<ReviewingCluster, FairSlots<string>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the API server has permitted it within `lifetime`. */
  isPermitted(question: Question): boolean {
    return this.#isPermitted(this.#answersOf(question), keyOf(question));
  }

  /** The API server has just let the user do it. */
  permitted(question: Question): void {
    this.#permit(this.#answersOf(question), keyOf(question), new Moment(this.#clock));
  }

  /**
   * The API server's answer. A permission may be remembered. Rejects with a ReviewError, with a TooManyReviewsError, or with the error of the
   * request.
   */
  async ask(question: Question): Promise<Verdict> {
    const answers = this.#answersOf(question);
    const key = keyOf(question);
    if (this.#isPermitted(answers, key)) return permission;
    return answers.pending.get(key) ?? this.#begin(answers, key, question);
  }

  /**
   * Whether the user may still do it. The API server is asked now: nothing that it said before counts. Resolves to false only for a clear no:
   * the API server says so, and none of its authorizers has had an error, or it does not let the proxy act as the user any longer. Rejects if
   * nobody can say it.
   */
  async isStillAllowed(question: Question): Promise<boolean> {
    const answers = this.#answersOf(question);
    const key = keyOf(question);
    const since = new Moment(this.#clock);
    const { isAllowed, hasError } = await this.#askInLimits(question).catch(noImpersonation);
    if (!isAllowed && hasError) throw new Error('an authorizer of the API server has an error');
    if (!isAllowed) answers.permissions.delete(key);
    else if (!hasError) this.#permit(answers, key, since);
    return isAllowed;
  }

  #begin(answers: Answers, key: string, question: Question): Promise<Verdict> {
    const since = new Moment(this.#clock);
    const review = this.#askInLimits(question)
      .then(verdict => {
        if (verdict.isAllowed && !verdict.hasError) this.#permit(answers, key, since);
        return verdict;
      })
      .finally(() => answers.pending.delete(key));
    answers.pending.set(key, review);
    return review;
  }

  async #askInLimits(question: Question): Promise<Verdict> {
    const { cluster, as } = question;
    let slots = this.#slots.get(cluster);
    if (slots === undefined) {
      slots = new FairSlots(Number.POSITIVE_INFINITY, () => mostAtATime);
      this.#slots.set(cluster, slots);
    }
    const party = as === 'configured' ? '' : (namedUser(as)?.username ?? '');
    if (!slots.takeNow(party)) throw new TooManyReviewsError();
    return review(question).finally(() => slots.giveBack(party));
  }

  #isPermitted({ permissions }: Answers, key: string): boolean {
    const since = permissions.get(key);
    return since !== undefined && since.age < lifetime;
  }

  #permit({ permissions }: Answers, key: string, since: Moment): void {
    this.#capacity.set(permissions, key, since);
  }

  #answersOf({ scope, cluster }: Question): Answers {
    const object = scope ?? cluster;
    let answers = this.#answers.get(object);
    if (answers === undefined) {
      answers = { permissions: this.#capacity.createMap(), pending: new Map() };
      this.#answers.set(object, answers);
    }
    return answers;
  }
}

const permission: Verdict = { isAllowed: true, reason: '', hasError: false };

/** Equal for two questions of one scope that the API server must answer alike. */
function keyOf({ as, attributes, access }: Question): string {
  return digest([as, attributes, access?.user?.key]);
}

/** Equal for two questions that the same API server must answer alike. */
export function questionKey(question: Question): string {
  const { judgedFor, namesContext } = question.access ?? {};
  return digest([keyOf(question), judgedFor, namesContext]);
}

/** The verdict of a 403 to a review itself, unless the user lacks the right to ask for reviews. Throws any other error. */
function noImpersonation(error: unknown): Verdict {
  if (!(error instanceof ReviewError) || error.status !== 403 || isAboutReviews(error.body)) throw error;
  return { isAllowed: false, reason: '', hasError: false };
}

function isAboutReviews(body: string): boolean {
  const details = parseObject(body)?.['details'];
  return isObject(details) && details['kind'] === 'selfsubjectaccessreviews';
}

async function review({ cluster, as, attributes, access }: Question): Promise<Verdict> {
  const subject = { ...access, as };
  const status = await reviewAccess(cluster, 'SelfSubjectAccessReview', attributes, subject);
  const { allowed, reason, evaluationError } = status;
  return {
    isAllowed: allowed === true,
    reason: typeof reason === 'string' ? reason : '',
    hasError: (evaluationError ?? '') !== '' || typeof allowed !== 'boolean',
  };
}
