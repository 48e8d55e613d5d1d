import { type Question, Reviews } from '../../src/reviews/reviews.js';
import { ManualClock } from './manual-clock.js';
import { type Answer, answeringPool } from './transport/answering-pool.js';
import { accessTo } from './transport/upstream-requests.js';

/** Reviews whose API server answers as a test says; at first it allows all. */
export class AskedReviews {
  readonly clock = new ManualClock(1_000_000);
  readonly reviews = new Reviews(this.clock);
  /** How often the API server was asked. */
  asked = 0;
  answer: () => Answer | Promise<Answer> = () => ({ status: 201, body: { status: { allowed: true } } });
  readonly #pool = answeringPool(() => {
    this.asked += 1;
    return this.answer();
  });
  /** Whether jane may watch. */
  readonly question: Question = {
    cluster: { host: 'h', name: 'c', access: () => accessTo(this.#pool), refused: async () => undefined },
    as: ['Impersonate-User', 'jane'],
    attributes: { resourceAttributes: { verb: 'watch' } },
  };

  /** From now on the API server answers with this status of a review, or with this text. */
  says(status: object | string, code = 201): void {
    this.answer = () => ({ status: code, body: typeof status === 'string' ? status : { status } });
  }
}
