import { readBearerToken } from '../../authentication/bearer-token.js';
import type { Clock } from '../../lib/clock.js';
import { digest } from '../../lib/json.js';
import type { OpenStream } from '../../proxy/open-streams.js';
import type { Recheck } from '../../proxy/route.js';
import type { Question, Verdict } from '../../reviews/reviews.js';
import { isStillAllowed, NoReviewsError, type StillAsked } from '../common/still-allowed.js';
import type { Check, Followed } from './followed.js';
import type { RecheckMetrics } from './metrics.js';
import type { UnaskableClusters } from './unaskable-clusters.js';

interface RechecksParts extends RecheckMetrics {
  /** How many looks make an interval, in which everything is asked once. */
  readonly looks: number;
  readonly isStillKnown: Recheck;
  readonly reviews: StillAsked;
  readonly unaskable: Pick<UnaskableClusters, 'add' | 'delete'>;
  readonly clock: Clock;
}

/** How many intervals one after the other a stream goes on if the API server does not let the proxy ask about it. */
const patience = 3;

type Asked = Pick<Check, 'about' | 'key'>;

/** Says whether the right of a stream goes on. Throws, or rejects, if nobody can say it. */
type AnswerOf = (followed: Followed) => boolean | Promise<boolean>;

/**
 * Asks about streams, about each once in an interval, and evenly: at each look a part of what there is to ask. What several streams have in
 * common is asked once for all of them.
 */
export class Rechecks {
  readonly #parts: RechecksParts;
  /** Those that were asked longest ago come first. */
  readonly #checks = new Map<string, Check>();
  /** What nobody could say at the beginning of a stream, and at which look it is asked again. */
  readonly #unheld = new Map<Question, { readonly followed: Followed; readonly at: number }>();
  #look = 0;
  /** How many may be asked now so that each look asks for its share. */
  #share = 0;

  constructor(parts: RechecksParts) {
    this.#parts = parts;
  }

  /** Asks about this stream from now on, by the questions that it has now. */
  add(followed: Followed): void {
    const { checks: former, stream } = followed;
    const optional = stream.questions.filter(({ onlyIfHeld }) => onlyIfHeld === true);
    const held = optional.map(questionKey).filter(key => former.some(check => check.key === key));
    const asked = [...askedAbout(stream), ...held.map(key => ({ about: 'access', key }) as const)];
    // An array that has grown would have room for 17.
    followed.checks = asked.map(each => this.#join(each));
    this.#leave(former);
    for (const question of optional)
      if (!held.includes(questionKey(question))) this.#hold(followed, question);
  }

  /** Asks about this stream from now on what is a yes now. */
  #hold(followed: Followed, question: Question): void {
    const answered = ({ isAllowed }: Verdict) => {
      if (!isAllowed || followed.isOver) return;
      followed.checks = [...followed.checks, this.#join({ about: 'access', key: questionKey(question) })];
    };
    const later = () => this.#unheld.set(question, { followed, at: this.#look + this.#parts.looks });
    this.#parts.reviews.ask(question).then(answered, later);
  }

  #holdLater(): void {
    for (const [question, { followed, at }] of this.#unheld) {
      if (at > this.#look) break;
      this.#unheld.delete(question);
      if (!followed.isOver) this.#hold(followed, question);
    }
  }

  delete({ checks }: Followed): void {
    this.#leave(checks);
  }

  #leave(checks: readonly Check[]): void {
    for (const check of checks) {
      check.streams -= 1;
      if (check.streams === 0) this.#checks.delete(check.key);
    }
  }

  /** Asks about the open streams what is to be asked now. */
  look(open: Iterable<Followed>): void {
    this.#look += 1;
    this.#holdLater();
    const now = new Map<Check, Followed[]>();
    for (const check of this.#due()) {
      this.#checks.delete(check.key);
      this.#checks.set(check.key, check);
      check.askedAt = this.#look;
      if (!check.isAsking) now.set(check, []);
    }
    if (now.size === 0) return;
    for (const followed of open)
      for (const check of followed.checks) {
        const streams = now.get(check);
        if (streams !== undefined && counts(check, followed)) streams.push(followed);
      }
    for (const [check, streams] of now) this.#ask(check, streams);
  }

  /** What is to be asked at this look. */
  #due(): readonly Check[] {
    this.#share += this.#checks.size / this.#parts.looks;
    const due: Check[] = [];
    for (const check of this.#checks.values()) {
      const isLate = this.#look - check.askedAt >= this.#parts.looks - 1;
      if (this.#share < 1 && !isLate) break;
      this.#share = Math.max(this.#share - 1, 0);
      due.push(check);
    }
    this.#share %= 1;
    return due;
  }

  #join({ about, key }: Asked): Check {
    let check = this.#checks.get(key);
    if (check === undefined) {
      check = { key, about, streams: 0, askedAt: this.#look, isAsking: false, refusals: 0 };
      this.#checks.set(key, check);
    }
    check.streams += 1;
    return check;
  }

  #ask(check: Check, streams: readonly Followed[]): void {
    const [first] = streams;
    if (first === undefined) return;
    check.isAsking = true;
    const answerOf = check.about === 'caller' ? this.#knows : this.#allows(check, first);
    const settled = streams.map(followed => this.#settle(check, followed, answerOf));
    Promise.all(settled).then(() => {
      check.isAsking = false;
    });
  }

  #knows: AnswerOf = ({ stream }) => this.#parts.isStillKnown(stream.request);

  /** The question is asked once for all streams that have it. */
  #allows(check: Check, { stream }: Followed): AnswerOf {
    const question = stream.questions.find(asked => questionKey(asked) === check.key) as Question;
    const { reviews, unaskable } = this.#parts;
    const answer = isStillAllowed(reviews, question);
    const answered = () => {
      check.refusals = 0;
      // The proxy may ask about itself although it may not ask about others.
      if (question.as !== 'configured') unaskable.delete(question.cluster.name);
    };
    const failed = (error: Error) => {
      if (!(error instanceof NoReviewsError)) return;
      check.refusals += 1;
      unaskable.add(question.cluster.name);
    };
    answer.then(answered, failed);
    return () => answer;
  }

  async #settle(check: Check, followed: Followed, answerOf: AnswerOf): Promise<void> {
    const { about } = check;
    const { rechecked, clock } = this.#parts;
    const isYes = await answered(answerOf, followed);
    if (!counts(check, followed)) return;
    rechecked(about, isYes === undefined ? 'unknown' : isYes ? 'yes' : 'no');
    if (isYes === true) followed.checkedAt = clock.now();
    else if (isYes === false) followed.end(about);
    else if (check.refusals >= patience) followed.end('unknown');
  }
}

/** Whether an answer would be about this stream. What comes after the end of its credential is not about its caller. */
function counts({ about }: Check, followed: Followed): boolean {
  return !followed.isOver && (about === 'access' || !followed.hasExpiredFor(0));
}

/** Undefined if nobody can say it. */
async function answered(answerOf: AnswerOf, followed: Followed): Promise<boolean | undefined> {
  try {
    return await answerOf(followed);
  } catch {
    return undefined;
  }
}

/** What is to be asked about a stream in any case. */
function askedAbout(stream: OpenStream): readonly Asked[] {
  const access = stream.questions
    .filter(({ onlyIfHeld }) => onlyIfHeld !== true)
    .map(question => ({ about: 'access', key: questionKey(question) }) as const);
  return [{ about: 'caller', key: `caller ${credentialOf(stream)}` }, ...access];
}

/** Streams with the same credential are checked at the same time, so that another server is asked once about their token. */
function credentialOf({ request }: OpenStream): string | undefined {
  try {
    return readBearerToken(request)?.digest ?? request.caller?.username;
  } catch {
    return request.caller?.username;
  }
}

/** Equal for two questions about which one review can be asked: the API server must answer them alike, by the same access. */
export function questionKey({ as, attributes, access }: Question): string {
  return digest([as, attributes, access?.user?.key, access?.judgedFor, access?.namesContext]);
}
