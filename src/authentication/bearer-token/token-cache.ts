import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { type Clock, systemClock } from '../../lib/clock.js';
import type {
  AuthenticationMethod,
  AuthenticationMetrics,
} from '../../observability/metrics/authentication-metrics.js';
import { AuthenticationError } from '../authentication-error.js';
import { IdentityError } from '../identity.js';
import type { BearerToken } from './bearer-token.js';
import { SourceLimit } from './source-limit.js';
import type { TokenAuthenticator } from './token-authenticator.js';

/** Whose a token is, and until when at the longest, in milliseconds since 1970. */
export interface Judgement {
  readonly user: UserInfo;
  readonly expires: number | undefined;
}

/** What finds out, and how long it counts. */
export interface TokenCacheOptions {
  readonly method: AuthenticationMethod;
  /** As `TokenAuthenticator.authenticate`. It goes on when those who wait for it have left. */
  readonly judge: (token: BearerToken) => Promise<Judgement | undefined>;
  /** Milliseconds that a success and a failure count; a success no longer than its token is valid. */
  readonly successTtl: number;
  readonly failureTtl: number;
  readonly metrics: Pick<AuthenticationMetrics, 'cacheAsked'>;
  /** Whether judging this token means asking another server; then it counts towards the limit of its address. By default all do. */
  readonly waits?: (token: BearerToken) => boolean;
  /** Who judges, compared by identity. When it changes, all earlier results are forgotten. */
  readonly judgedBy?: () => object;
  readonly clock?: Clock;
}

/** What a token was found to be: a user, not for this method to judge, or bad. */
type Outcome =
  | { readonly user: UserInfo | undefined; readonly until: number }
  | { readonly error: Error; readonly until: number };

/** Tokens that are remembered, good ones and others each: bad ones cannot drive good ones out. */
const capacity = 4096;
/** Tokens of one address that may wait at one time: somebody who guesses must not flood the API server or the issuer. */
const mostWaiting = 128;
/**
 * Milliseconds after a good result has expired during which its token is judged again even if its address is at the limit. Behind a load balancer
 * everybody has one address, and made-up tokens must not lock out callers who have been working.
 */
const reservedFor = 10 * 60_000;

/**
 * Remembers whose tokens are, by their digests. A token is judged once however many requests come with it, and that nobody could tell is
 * not remembered (k8s.io/apiserver `token/cache`).
 */
export function createTokenCache(options: TokenCacheOptions): TokenAuthenticator {
  const { method, judge, successTtl, failureTtl, metrics, judgedBy, clock = systemClock } = options;
  const { waits = () => true } = options;
  const good = new Map<string, Outcome>();
  const others = new Map<string, Outcome>();
  /** Until when tokens that were good are exempt from the limit, even if who judges has changed. */
  const goodLately = new Map<string, number>();
  const pending = new Map<string, Promise<UserInfo | undefined>>();
  const waiting = new SourceLimit(mostWaiting);
  let currentJudge: object | undefined;

  const forgetFormerJudge = (): void => {
    const judging = judgedBy?.();
    if (judging === currentJudge) return;
    currentJudge = judging;
    for (const map of [good, others, pending]) map.clear();
  };

  const judgeOnce = async (token: BearerToken): Promise<Outcome> => {
    const now = clock.now();
    try {
      const judgement = await judge(token);
      const until = now + (judgement === undefined ? failureTtl : successTtl);
      return { user: judgement?.user, until: Math.min(until, judgement?.expires ?? until) };
    } catch (error) {
      const isLasting =
        error instanceof IdentityError || (error instanceof AuthenticationError && !error.isPassing);
      return { error: error as Error, until: isLasting ? now + failureTtl : now };
    }
  };

  const ask = async (token: BearerToken): Promise<UserInfo | undefined> => {
    for (;;) {
      const asked = currentJudge;
      const outcome = await judgeOnce(token);
      forgetFormerJudge();
      // The former judge's result does not count: the new one decides.
      if (asked === currentJudge) return keep(token, outcome);
    }
  };

  const keep = ({ digest }: BearerToken, outcome: Outcome): UserInfo | undefined => {
    const isGood = 'user' in outcome && outcome.user !== undefined;
    if (clock.now() < outcome.until) {
      remember(isGood ? good : others, digest, outcome);
      goodLately.delete(digest);
    }
    if (isGood) remember(goodLately, digest, clock.now() + successTtl + reservedFor);
    return resultOf(outcome);
  };

  const begin = (token: BearerToken): Promise<UserInfo | undefined> => {
    const { digest, source } = token;
    const counts = !(clock.now() < (goodLately.get(digest) ?? 0)) && waits(token);
    if (counts && !waiting.take(source)) {
      const message = 'too many tokens from this address are being checked at this moment; try again';
      throw new StatusError(503, message, { retryAfterSeconds: 1 });
    }
    const asking = ask(token).finally(() => {
      if (counts) waiting.giveBack(source);
      if (pending.get(digest) === asking) pending.delete(digest);
    });
    pending.set(digest, asking);
    return asking;
  };

  return {
    method,
    authenticate(token) {
      const { digest } = token;
      forgetFormerJudge();
      const outcome = recall(good, digest, clock) ?? recall(others, digest, clock);
      const asked = outcome === undefined ? pending.get(digest) : undefined;
      metrics.cacheAsked(outcome !== undefined || asked !== undefined);
      if (outcome !== undefined) return resultOf(outcome);
      return asked ?? begin(token);
    },
  };
}

function resultOf(outcome: Outcome): UserInfo | undefined {
  if ('error' in outcome) throw outcome.error;
  return outcome.user;
}

/** The one used last is at the end, and the one at the beginning is forgotten first. */
function recall(map: Map<string, Outcome>, digest: string, clock: Clock): Outcome | undefined {
  const outcome = map.get(digest);
  if (outcome === undefined) return undefined;
  map.delete(digest);
  if (clock.now() >= outcome.until) return undefined;
  map.set(digest, outcome);
  return outcome;
}

function remember<T>(map: Map<string, T>, digest: string, value: T): void {
  map.delete(digest);
  map.set(digest, value);
  if (map.size <= capacity) return;
  const [oldest = ''] = map.keys();
  map.delete(oldest);
}
