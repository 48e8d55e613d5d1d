import { namedUser } from '../../kubernetes/impersonation.js';
import type { Clock } from '../../lib/clock.js';
import { FairSlots } from '../../lib/fair-slots.js';
import type { Question, Reviews, Verdict } from '../../reviews/reviews.js';

/** How many questions are asked at a time, of all users. */
const atATime = 16;
/** After this number of milliseconds a question does not count any more: others do not wait for slow answers. */
const patience = 1_000;

/**
 * Asks about the rights of many users a few at a time, and in turns: a thousand clients that come together, or whose watch is opened again,
 * would otherwise cost a thousand connections.
 */
export class PacedReviews implements Pick<Reviews, 'isPermitted' | 'permitted' | 'ask'> {
  readonly #reviews: Reviews;
  readonly #clock: Clock;
  readonly #slots = new FairSlots<string>(atATime);

  constructor(reviews: Reviews, clock: Clock) {
    this.#reviews = reviews;
    this.#clock = clock;
  }

  isPermitted(question: Question): boolean {
    return this.#reviews.isPermitted(question);
  }

  permitted(question: Question): void {
    this.#reviews.permitted(question);
  }

  async ask(question: Question): Promise<Verdict> {
    const { as } = question;
    const user = as === 'configured' ? '' : (namedUser(as)?.username ?? '');
    await this.#slots.take(user);
    const answer = this.#reviews.ask(question);
    this.#giveBackAfter(answer, user);
    return answer;
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
