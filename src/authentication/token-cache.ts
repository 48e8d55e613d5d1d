import { type Clock, systemClock } from '../credentials/clock.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { AuthenticationMethod, AuthenticationMetrics } from '../observability/authentication-metrics.js';
import { AuthenticationError } from './authentication-error.js';
import type { BearerToken } from './bearer-token.js';
import { IdentityError } from './identity.js';
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
  /** Whether a token waits for somebody else to be judged, and so counts towards the limit of its address; every one does unless told otherwise. */
  readonly waits?: (token: BearerToken) => boolean;
  /** Who judges, compared by identity: what another one said is forgotten. */
  readonly judgedBy?: () => object;
  readonly clock?: Clock;
}

/** What a token was found to be: a user, not for this method to judge, or bad. */
type Outcome =
  | { readonly user: UserInfo | undefined; readonly until: number }
  | { readonly error: Error; readonly until: number };

/** Tokens that are remembered, good ones and others each: bad ones cannot drive good ones out. */
const capacity = 4096;
/** Tokens of one address that wait at one time, so that a guesser does not become a flood for who judges. */
const mostWaiting = 128;
/**
 * Milliseconds for which a token whose time is over is judged again whatever else waits: behind a load balancer everybody has its
 * address, and made-up tokens must not turn away those who have been working.
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
  /** Until when tokens that were found good have a place of their own, whoever found them so. */
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
      // What a former judge says does not count: it is for the new one to say.
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
