import { namedUser } from '../../kubernetes/impersonation.js';
import type { Clock } from '../../lib/clock.js';
import { FairSlots } from '../../lib/fair-slots.js';
import type { Moment } from '../../lib/moment.js';
import type { PhaseObserver } from '../../lib/phases.js';
import type { MissingRights } from '../../reviews/missing-rights.js';
import type { Question, Reviews, Verdict } from '../../reviews/reviews.js';
import type { CredentialCheck } from './watch-to-share.js';

/** How many questions are asked at a time, of all users. */
const atATime = 16;
/** After this number of milliseconds a question does not count any more: others do not wait for slow answers. */
const patience = 1_000;

/** What the proxy itself may do as a user. */
export type OwnRights = Pick<MissingRights, 'isProven' | 'proven' | 'missingFor'>;

/**
 * The rights of clients' users to their watches, as the API server says them. It is asked about a few at a time, and in turns: a thousand
 * clients that come together, or whose watch is opened again, would otherwise cost a thousand connections.
 */
export class Rights {
  readonly #reviews: Pick<Reviews, 'isPermitted' | 'permitted' | 'ask'>;
  readonly #own: OwnRights;
  readonly #clock: Clock;
  readonly #slots = new FairSlots<string>(atATime);

  constructor(reviews: Pick<Reviews, 'isPermitted' | 'permitted' | 'ask'>, own: OwnRights, clock: Clock) {
    this.#reviews = reviews;
    this.#own = own;
    this.#clock = clock;
  }

  /** The API server has accepted a watch that was asked for after this moment: its user may watch, and the proxy as that user. */
  proven(question: Question, since: Moment): void {
    this.#reviews.permitted(question, since);
    this.#own.proven(question, since);
  }

  #isProven(question: Question): boolean {
    return this.#reviews.isPermitted(question) && this.#own.isProven(question);
  }

  /**
   * Whether the user may watch, and the proxy as that user. Rejects if nobody can say it at this moment.
   *
   * @param phases Is told how long the client's request waits.
   */
  mayWatch(question: Question, phases?: PhaseObserver): true | Promise<boolean> {
    if (this.#isProven(question)) return true;
    return this.#ask(question, phases).then(({ isAllowed, hasError }) => {
      if (!isAllowed && hasError) throw new Error('it is not known whether the user may still watch');
      return isAllowed;
    });
  }

  /** Whether the client's credential is valid, and the user may watch. Throws, or rejects, if nobody can say it at this moment. */
  check(question: Question, isStillValid: CredentialCheck | undefined): boolean | Promise<boolean> {
    const isValid = isStillValid?.() ?? true;
    if (isValid instanceof Promise) return isValid.then(valid => valid && this.mayWatch(question));
    return isValid && this.mayWatch(question);
  }

  async #ask(question: Question, phases?: PhaseObserver): Promise<Verdict> {
    const { as } = question;
    const user = as === 'configured' ? '' : (namedUser(as)?.username ?? '');
    await this.#slots.take(user);
    const answer = this.#review(question, phases);
    this.#giveBackAfter(answer, user);
    return answer;
  }

  async #review(question: Question, phases?: PhaseObserver): Promise<Verdict> {
    const verdict = await this.#reviews.ask(question, phases);
    return verdict.isAllowed && (await this.#own.missingFor(question)) !== undefined
      ? { ...verdict, isAllowed: false }
      : verdict;
  }

  #giveBackAfter(answer: Promise<unknown>, user: string): void {
    let isTaken = true;
    const giveBack = () => {
      cancel();
      if (isTaken) this.#slots.giveBack(user);
      isTaken = false;
    };
    const cancel = this.#clock.schedule(patience, () => giveBack());
    // By then the connection of the answer is free, and the next question needs no other one.
    const inNextTurn = () => setImmediate(giveBack);
    answer.then(inNextTurn, inNextTurn);
  }
}
