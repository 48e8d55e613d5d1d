import { readBearerToken } from '../../authentication/bearer-token/bearer-token.js';
import type { Clock } from '../../lib/clock.js';
import type { OpenStream } from '../../proxy/open-streams.js';
import type { Recheck } from '../../proxy/route.js';
import { type Question, questionKey, type Reviews } from '../../reviews/reviews.js';
import type { About, Followed } from './followed.js';
import type { RecheckMetrics } from './metrics.js';

interface RechecksParts extends RecheckMetrics {
  /** How many looks make an interval, in which everything is asked once. */
  readonly looks: number;
  readonly isStillKnown: Recheck;
  readonly reviews: Pick<Reviews, 'isStillAllowed'>;
  readonly clock: Clock;
}

/** Says whether the right of a stream goes on. Throws, or rejects, if nobody can say it. */
type AnswerOf = (followed: Followed) => boolean | Promise<boolean>;

/** What is asked at one moment about all streams that have it in common. */
interface Check {
  readonly key: string;
  readonly about: About;
  readonly streams: Set<Followed>;
  /** The look at which it was asked last, or was new. */
  askedAt: number;
  isAsking: boolean;
  ask(): AnswerOf;
}

/**
 * Asks about all open streams, about each once in an interval, and evenly: at each look a part of what there is to ask. What several streams
 * have in common is asked once for all of them.
 */
export class Rechecks {
  readonly #parts: RechecksParts;
  /** Those that were asked longest ago come first. */
  readonly #checks = new Map<string, Check>();
  readonly #checksOf = new Map<Followed, readonly Check[]>();
  #look = 0;
  /** How many may be asked now so that each look asks for its share. */
  #share = 0;

  constructor(parts: RechecksParts) {
    this.#parts = parts;
  }

  add(followed: Followed): void {
    const { stream } = followed;
    const checks = [
      this.#join(`caller ${credentialOf(stream)}`, followed, () => this.#aboutCaller()),
      ...stream.questions.map(question =>
        this.#join(questionKey(question), followed, () => this.#aboutAccess(question)),
      ),
    ];
    this.#checksOf.set(followed, checks);
  }

  delete(followed: Followed): void {
    for (const { key, streams } of this.#checksOf.get(followed) ?? []) {
      streams.delete(followed);
      if (streams.size === 0) this.#checks.delete(key);
    }
    this.#checksOf.delete(followed);
  }

  /** Asks what is to be asked now. */
  look(): void {
    this.#look += 1;
    this.#share += this.#checks.size / this.#parts.looks;
    const now: Check[] = [];
    for (const check of this.#checks.values()) {
      const isLate = this.#look - check.askedAt >= this.#parts.looks - 1;
      if (this.#share < 1 && !isLate) break;
      this.#share = Math.max(this.#share - 1, 0);
      now.push(check);
    }
    this.#share %= 1;
    for (const check of now) {
      this.#checks.delete(check.key);
      this.#checks.set(check.key, check);
      check.askedAt = this.#look;
      this.#ask(check);
    }
  }

  #join(key: string, followed: Followed, create: () => Pick<Check, 'about' | 'ask'>): Check {
    let check = this.#checks.get(key);
    if (check === undefined) {
      check = { ...create(), key, streams: new Set(), askedAt: this.#look, isAsking: false };
      this.#checks.set(key, check);
    }
    check.streams.add(followed);
    return check;
  }

  #aboutCaller(): Pick<Check, 'about' | 'ask'> {
    return { about: 'caller', ask: () => followed => this.#parts.isStillKnown(followed.stream.request) };
  }

  #aboutAccess(question: Question): Pick<Check, 'about' | 'ask'> {
    return {
      about: 'access',
      ask: () => {
        const answer = this.#parts.reviews.isStillAllowed(question);
        return () => answer;
      },
    };
  }

  /**
   * Asks about the streams that have begun. The API server lets the others begin later, and its answer now may come from before a right that
   * lets them.
   */
  #ask(check: Check): void {
    const streams = [...check.streams].filter(followed => counts(check, followed));
    if (check.isAsking || streams.length === 0) return;
    check.isAsking = true;
    const answerOf = check.ask();
    const settled = streams.map(followed => this.#settle(check, followed, answerOf));
    Promise.all(settled).then(() => {
      check.isAsking = false;
    });
  }

  async #settle(check: Check, followed: Followed, answerOf: AnswerOf): Promise<void> {
    const { about } = check;
    const { rechecked, clock } = this.#parts;
    const isYes = await answered(answerOf, followed);
    if (followed.isOver || !counts(check, followed)) return;
    rechecked(about, isYes === undefined ? 'unknown' : isYes ? 'yes' : 'no');
    if (isYes === true) followed.checkedAt = clock.now();
    else if (isYes === false) followed.end(about);
  }
}

/** Whether an answer would be about this stream. What comes after the end of its credential is not about its caller. */
function counts({ about }: Check, followed: Followed): boolean {
  return followed.hasBegun && (about === 'access' || !followed.hasExpiredFor(0));
}

/** Undefined if nobody can say it. */
async function answered(answerOf: AnswerOf, followed: Followed): Promise<boolean | undefined> {
  try {
    return await answerOf(followed);
  } catch {
    return undefined;
  }
}

/** Streams with the same credential are checked at the same time, so that another server is asked once about their token. */
function credentialOf({ request }: OpenStream): string | undefined {
  try {
    return readBearerToken(request)?.digest ?? request.caller?.username;
  } catch {
    return request.caller?.username;
  }
}
