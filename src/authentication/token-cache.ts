import { type Clock, systemClock } from '../credentials/clock.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { AuthenticationMethod, AuthenticationMetrics } from '../observability/authentication-metrics.js';
import { AuthenticationError } from './authentication-error.js';
import type { BearerToken } from './bearer-token.js';
import { IdentityError } from './identity.js';
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
  /** Who judges: what another one said is forgotten. */
  readonly judgedBy?: () => string;
  readonly clock?: Clock;
}

/** What a token was found to be: a user, not for this method to judge, or bad. */
type Outcome =
  | { readonly user: UserInfo | undefined; readonly until: number }
  | { readonly error: Error; readonly until: number };

/** Tokens that are remembered, good ones and others each: bad ones cannot drive good ones out. */
const capacity = 4096;
/** Tokens that are being judged at one time, so that guessers do not become a flood for who judges. */
const maxPending = 128;

/**
 * Remembers whose tokens are, by their digests. A token is judged once however many requests come with it, and that nobody could tell is
 * not remembered (k8s.io/apiserver `token/cache`).
 */
export function createTokenCache(options: TokenCacheOptions): TokenAuthenticator {
  const { method, judge, successTtl, failureTtl, metrics, judgedBy, clock = systemClock } = options;
  const good = new Map<string, Outcome>();
  const others = new Map<string, Outcome>();
  const pending = new Map<string, Promise<UserInfo | undefined>>();
  let judgeName: string | undefined;

  const forgetFormerJudge = (): void => {
    const name = judgedBy?.();
    if (name === judgeName) return;
    judgeName = name;
    for (const map of [good, others, pending]) map.clear();
  };

  const ask = async (token: BearerToken): Promise<UserInfo | undefined> => {
    const now = clock.now();
    const asked = judgeName;
    let outcome: Outcome;
    try {
      const judgement = await judge(token);
      const until = now + (judgement === undefined ? failureTtl : successTtl);
      outcome = {
        user: judgement?.user,
        until: Math.min(until, judgement?.expires ?? until),
      };
    } catch (error) {
      const isLasting =
        error instanceof IdentityError || (error instanceof AuthenticationError && !error.isPassing);
      if (!isLasting) throw error;
      outcome = { error, until: now + failureTtl };
    }
    const isGood = 'user' in outcome && outcome.user !== undefined;
    if (asked !== judgedBy?.())
      throw new StatusError(503, 'the API server was replaced by another; try again');
    if (clock.now() < outcome.until) remember(isGood ? good : others, token.digest, outcome);
    return resultOf(outcome);
  };

  return {
    method,
    authenticate(token) {
      const { digest } = token;
      if (judgedBy !== undefined) forgetFormerJudge();
      const outcome = recall(good, digest, clock) ?? recall(others, digest, clock);
      const asked = outcome === undefined ? pending.get(digest) : undefined;
      metrics.cacheAsked(outcome !== undefined || asked !== undefined);
      if (outcome !== undefined) return resultOf(outcome);
      if (asked !== undefined) return asked;
      if (pending.size >= maxPending) {
        throw new StatusError(503, 'too many tokens are being checked at this moment; try again');
      }
      const asking = ask(token).finally(() => {
        if (pending.get(digest) === asking) pending.delete(digest);
      });
      pending.set(digest, asking);
      return asking;
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

function remember(map: Map<string, Outcome>, digest: string, outcome: Outcome): void {
  map.set(digest, outcome);
  if (map.size <= capacity) return;
  const [oldest = ''] = map.keys();
  map.delete(oldest);
}
