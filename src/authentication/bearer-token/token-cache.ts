import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { type Clock, systemClock } from '../../lib/clock.js';
import type { AuthenticationMetrics } from '../../observability/metrics/authentication-metrics.js';
import { AuthenticationError } from '../authentication-error.js';
import { IdentityError } from '../identity.js';
import type { BearerToken } from './bearer-token.js';
import type { FairSlots } from './fair-slots.js';
import { networkOf } from './network.js';
import { NetworkLimit } from './network-limit.js';
import { SharedCapacity } from './shared-capacity.js';

/** Whose a token is, and until when at the longest, in milliseconds since 1970. */
export interface Judgement {
  readonly user: UserInfo;
  readonly expires: number | undefined;
}

/** What finds out, and how long it counts. */
export interface TokenCacheOptions {
  /** The user; undefined when the token is not for this one to judge. Errors as for `TokenAuthenticator`. It goes on when those who wait for it have left. */
  readonly judge: (token: BearerToken) => Promise<Judgement | undefined>;
  /** Milliseconds that a success and a failure count; a success no longer than its token is valid. */
  readonly successTtl: number;
  readonly failureTtl: number;
  readonly metrics: Pick<AuthenticationMetrics, 'cacheAsked'>;
  /** Whether judging this token means asking another server; then it counts towards the limit of its network. By default all do. */
  readonly waits?: (token: BearerToken) => boolean;
  /** Who judges, compared by identity: never the same object again once it was replaced. When it changes, all earlier results are forgotten. */
  readonly judgedBy?: () => object;
  /** What is limited over several caches together; each cache by itself by default. */
  readonly bounds?: TokenBounds;
  /** How many tokens that count are judged at one time; any number by default. */
  readonly slots?: FairSlots;
  readonly clock?: Clock;
}

/** What a token was found to be, a user, not for this method to judge, or bad, and by whom. */
type Finding = { readonly user: UserInfo | undefined } | { readonly error: Error };
export type Outcome = Finding & { readonly until: number; readonly judge: object | undefined };

/** Tokens that are remembered, good ones and others each: bad ones cannot drive good ones out. */
const capacity = 4096;
/** Tokens of one network that may wait at one time: somebody who guesses must not flood the API server or the issuer. */
const mostWaiting = 128;
/**
 * Milliseconds after a good result has expired during which its token is judged again even if its network is at the limit. Behind a load balancer
 * everybody has one address, and made-up tokens must not lock out callers who have been working.
 */
const reservedFor = 10 * 60_000;

/** What the caches of one method share: their memory, and how many tokens of one network may wait. */
export class TokenBounds {
  readonly good = new SharedCapacity(capacity);
  readonly others = new SharedCapacity(capacity);
  readonly goodLately = new SharedCapacity(capacity);
  readonly waiting = new NetworkLimit(mostWaiting);
}

/**
 * Remembers whose tokens are, by their digests. A token is judged once however many requests come with it, and that nobody could tell is
 * not remembered (k8s.io/apiserver `token/cache`).
 */
export class TokenCache {
  readonly #options: TokenCacheOptions;
  readonly #clock: Clock;
  readonly #bounds: TokenBounds;
  readonly #good: Map<string, Outcome>;
  readonly #others: Map<string, Outcome>;
  /** Until when tokens that were good are exempt from the limits, even if who judges has changed. */
  readonly #goodLately: Map<string, number>;
  readonly #pending = new Map<string, Promise<Outcome>>();
  #judge: object | undefined;

  constructor(options: TokenCacheOptions) {
    const { bounds = new TokenBounds(), clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#bounds = bounds;
    this.#good = bounds.good.createMap();
    this.#others = bounds.others.createMap();
    this.#goodLately = bounds.goodLately.createMap();
  }

  /** At once where it is remembered. Rejects, or throws, only when too many tokens wait: a StatusError of 503. */
  find(token: BearerToken): Outcome | Promise<Outcome> {
    const { digest } = token;
    this.#forgetFormerJudge();
    const outcome = this.#recall(this.#good, digest) ?? this.#recall(this.#others, digest);
    const asked = outcome === undefined ? this.#pending.get(digest) : undefined;
    this.#options.metrics.cacheAsked(outcome !== undefined || asked !== undefined);
    return outcome ?? asked ?? this.#begin(token);
  }

  #forgetFormerJudge(): void {
    const judge = this.#options.judgedBy?.();
    if (judge === this.#judge) return;
    this.#judge = judge;
    for (const map of [this.#good, this.#others, this.#pending]) map.clear();
  }

  #begin(token: BearerToken): Promise<Outcome> {
    const { digest, source } = token;
    const { waits = () => true } = this.#options;
    const isExempt = this.#clock.now() < (this.#goodLately.get(digest) ?? 0);
    const asking = isExempt || !waits(token) ? this.#ask(token) : this.#askInTurn(token, networkOf(source));
    this.#pending.set(digest, asking);
    const end = () => {
      if (this.#pending.get(digest) === asking) this.#pending.delete(digest);
    };
    asking.then(end, end);
    return asking;
  }

  /** Throws at once when the network is at its limit. */
  #askInTurn(token: BearerToken, network: string): Promise<Outcome> {
    const { waiting } = this.#bounds;
    const { slots } = this.#options;
    if (!waiting.take(network)) {
      const message = 'too many tokens from this address are being checked at this moment; try again';
      throw new StatusError(503, message, { retryAfterSeconds: 1 });
    }
    const turn = slots?.take(network);
    const asking = turn === undefined ? this.#ask(token) : turn.then(() => this.#ask(token));
    return asking.finally(() => {
      slots?.giveBack(network);
      waiting.giveBack(network);
    });
  }

  async #ask(token: BearerToken): Promise<Outcome> {
    for (;;) {
      this.#forgetFormerJudge();
      const judge = this.#judge;
      const outcome = await this.#judgeOnce(token, judge);
      this.#forgetFormerJudge();
      // The former judge's result does not count: the new one decides.
      if (judge !== this.#judge) continue;
      this.#keep(token, outcome);
      return outcome;
    }
  }

  async #judgeOnce(token: BearerToken, judge: object | undefined): Promise<Outcome> {
    const { successTtl, failureTtl } = this.#options;
    const now = this.#clock.now();
    try {
      const judgement = await this.#options.judge(token);
      const until = now + (judgement === undefined ? failureTtl : successTtl);
      return { user: judgement?.user, until: Math.min(until, judgement?.expires ?? until), judge };
    } catch (error) {
      const isLasting =
        error instanceof IdentityError || (error instanceof AuthenticationError && !error.isPassing);
      return { error: error as Error, until: isLasting ? now + failureTtl : now, judge };
    }
  }

  #keep({ digest }: BearerToken, outcome: Outcome): void {
    const { good, others, goodLately } = this.#bounds;
    const isGood = 'user' in outcome && outcome.user !== undefined;
    const now = this.#clock.now();
    if (now < outcome.until) {
      if (isGood) good.set(this.#good, digest, outcome);
      else others.set(this.#others, digest, outcome);
      this.#goodLately.delete(digest);
    }
    if (isGood) goodLately.set(this.#goodLately, digest, now + this.#options.successTtl + reservedFor);
  }

  /** The one used last is at the end, and the one at the beginning is forgotten first. */
  #recall(map: Map<string, Outcome>, digest: string): Outcome | undefined {
    const outcome = map.get(digest);
    if (outcome === undefined) return undefined;
    map.delete(digest);
    if (this.#clock.now() >= outcome.until) return undefined;
    map.set(digest, outcome);
    return outcome;
  }
}

/** The user of an outcome; throws what is wrong with the token. */
export function userOf(outcome: Outcome): UserInfo | undefined {
  if ('error' in outcome) throw outcome.error;
  return outcome.user;
}
