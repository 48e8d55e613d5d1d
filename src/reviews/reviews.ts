import { impersonatedUser, namedUser, userOfImpersonation } from '../kubernetes/impersonation.js';
import { SharedCapacity } from '../lib/bounded-maps.js';
import type { Clock } from '../lib/clock.js';
import { FairSlots } from '../lib/fair-slots.js';
import { digest } from '../lib/json.js';
import { Moment } from '../lib/moment.js';
import { type PhaseObserver, timed } from '../lib/phases.js';
import type { AccessConditions, UserIdentity } from '../transport/access.js';
import { type ReviewingCluster, reviewAccess } from './access-review.js';
import type { Attributes } from './attributes.js';
import { type Authorizer, TooManyReviewsError, type Wish } from './authorizer.js';

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
  /**
   * Whether it counts only for whom it was a yes at the beginning: the API server may not have asked it. From then on a no is one as of any
   * other question.
   */
  readonly onlyIfHeld?: true;
  /** Asks it in place of authorizers and API server whether the user may still do it. Rejects if nobody can say it. */
  readonly askAgain?: () => Promise<boolean>;
}

/** The answer of the API server, or of an added authorizer that denies. */
export interface Verdict {
  readonly isAllowed: boolean;
  /** What the authorizer says about it; may be empty. */
  readonly reason: string;
  /** Whether an authorizer had an error, or the answer is none: then a no may only mean that nobody can say it. */
  readonly hasError: boolean;
  /** The added authorizer that denies. */
  readonly deniedBy?: string;
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

/** What is asked, and remembered by `memoryKey`, for one cluster. */
interface Answers {
  /** By users' names. */
  readonly slots: FairSlots<string>;
  /** When each permission was asked for. */
  readonly permissions: Map<string, Moment>;
  /** When each definite no came. */
  readonly refusals: Map<string, Moment>;
  /** The reviews that have no answer yet. */
  readonly pending: Map<string, Promise<Verdict>>;
  /** Whether permissions that have expired will be forgotten. */
  willForget: boolean;
}

/**
 * Asks what users may do. All such questions go through here: whether a client may join a shared watch, whether a caller may act as another
 * user, what the proxy's own identity may do. An added authorizer comes first, but for the proxy's own identity; what it does not deny, the
 * API server decides. Only its permissions are remembered: once for one question of one user, whoever asks. A definite no removes it for all
 * of them. Equal questions at the same time share a review.
 */
export class Reviews {
  readonly #clock: Clock;
  readonly #capacity = new SharedCapacity(capacity);
  readonly #answers = new WeakMap<ReviewingCluster, Answers>();
  /** Says what it denies before the API server is asked; undefined if no feature has added one. */
  authorizer: Authorizer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The denial of the added authorizer; undefined if the API server has to decide. As `Authorizer.denialOf`. */
  denialOf(wish: Wish): ReturnType<Authorizer['denialOf']> {
    return this.authorizer?.denialOf(wish);
  }

  /** Whether the API server has permitted it within `lifetime`, and nobody else has to be asked. */
  isPermitted(question: Question): boolean {
    return (
      this.#wishOf(question) === undefined &&
      this.#isPermitted(this.#answersOf(question), memoryKey(question))
    );
  }

  /**
   * The API server has let the user do it, who asked for it after this moment. It counts from this moment on, unless a definite no has come
   * since.
   */
  permitted(question: Question, since: Moment): void {
    this.#permit(this.#answersOf(question), memoryKey(question), since);
  }

  /**
   * The answer. A permission may be remembered. Rejects with an OwnRefusalError, with a TooManyReviewsError, or with the error of the request.
   *
   * @param phases Is told how long the request that asks waits.
   */
  async ask(question: Question, phases?: PhaseObserver): Promise<Verdict> {
    const wish = this.#wishOf(question, phases);
    const denied = wish && (await this.#denied(wish));
    if (denied !== undefined) return denied;
    const answers = this.#answersOf(question);
    const key = memoryKey(question);
    if (this.#isPermitted(answers, key)) return permission;
    const review = answers.pending.get(key) ?? this.#begin(answers, key, question);
    return timed(phases, 'review', review, review);
  }

  /**
   * The same, but the API server is asked now: nothing that it said before counts, and a permission is not remembered, because there may be
   * thousands of such questions.
   */
  async askNow(question: Question): Promise<Verdict> {
    const wish = this.#wishOf(question);
    const verdict = (wish && (await this.#denied(wish))) ?? (await this.#askInLimits(question));
    if (!verdict.isAllowed && !verdict.hasError) this.forget(question);
    return verdict;
  }

  async #denied(wish: Wish): Promise<Verdict | undefined> {
    const denial = await this.denialOf(wish);
    if (denial === undefined) return undefined;
    const { by: deniedBy, reason, error } = denial;
    return { isAllowed: false, reason, hasError: error !== undefined, deniedBy };
  }

  /** What the added authorizer is asked; undefined if there is none, or it is about the proxy's own identity. */
  #wishOf({ as, attributes, cluster }: Question, phases?: PhaseObserver): Wish | undefined {
    if (as === 'configured' || this.authorizer === undefined) return undefined;
    const user = impersonatedUser(as);
    return user && { user, attributes, cluster: cluster.name, phases };
  }

  #begin(answers: Answers, key: string, question: Question): Promise<Verdict> {
    const since = new Moment(this.#clock);
    const review = this.#askInLimits(question);
    const settle = (verdict?: Verdict) => {
      // A no may have come meanwhile: then this answer is from before it.
      if (answers.pending.get(key) !== review) return;
      answers.pending.delete(key);
      if (verdict === undefined || verdict.hasError) return;
      if (verdict.isAllowed) this.#permit(answers, key, since);
      else this.#refuse(answers, key);
    };
    answers.pending.set(key, review);
    review.then(settle, () => settle());
    return review;
  }

  /** It is a definite no: a permission does not count any more, nobody joins a review that began before, and its answer is not remembered. */
  forget(question: Question): void {
    const answers = this.#answersOf(question);
    const key = memoryKey(question);
    answers.pending.delete(key);
    this.#refuse(answers, key);
  }

  #refuse(answers: Answers, key: string): void {
    answers.permissions.delete(key);
    this.#capacity.set(answers.refusals, key, new Moment(this.#clock));
    if (!answers.willForget) this.#forgetLater(answers);
  }

  async #askInLimits(question: Question): Promise<Verdict> {
    const { as } = question;
    const { slots } = this.#answersOf(question);
    const party = as === 'configured' ? '' : (namedUser(as)?.username ?? '');
    if (!slots.takeNow(party)) throw new TooManyReviewsError('the API server');
    return review(question).finally(() => slots.giveBack(party));
  }

  #isPermitted({ permissions }: Answers, key: string): boolean {
    const since = permissions.get(key);
    return since !== undefined && since.age < lifetime;
  }

  #permit(answers: Answers, key: string, since: Moment): void {
    const refused = answers.refusals.get(key);
    if (refused !== undefined && refused.age <= since.age) return;
    this.#capacity.set(answers.permissions, key, since);
    if (!answers.willForget) this.#forgetLater(answers);
  }

  /** Forgets the answers that have expired by then: users of shared watches may be thousands, and each has one. */
  #forgetLater(answers: Answers): void {
    const { permissions, refusals } = answers;
    answers.willForget = true;
    this.#clock.schedule(lifetime, () => {
      for (const moments of [permissions, refusals])
        for (const [key, { age }] of moments) if (age >= lifetime) moments.delete(key);
      answers.willForget = false;
      if (permissions.size + refusals.size > 0) this.#forgetLater(answers);
    });
  }

  #answersOf({ cluster }: Question): Answers {
    let answers = this.#answers.get(cluster);
    if (answers === undefined) {
      answers = {
        slots: new FairSlots(Number.POSITIVE_INFINITY, () => mostAtATime),
        permissions: this.#capacity.createMap(),
        refusals: this.#capacity.createMap(),
        ...{ pending: new Map(), willForget: false },
      };
      this.#answers.set(cluster, answers);
    }
    return answers;
  }
}

const permission: Verdict = { isAllowed: true, reason: '', hasError: false };

/**
 * Equal for two questions of one cluster about the same user, who wants the same at the same API server. Who asks for the user, and with
 * which credential, says nothing about what the user may do. The answer about the configured identity is that of the access.
 */
function memoryKey({ as, attributes, access }: Question): string {
  const user = as === 'configured' ? access?.user?.key : userOfImpersonation(as);
  return digest([user, attributes, access?.judgedFor?.server]);
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
