import type { BearerToken } from '../../authentication/bearer-token.js';
import { AuthenticationError, IdentityError } from '../../authentication/identity.js';
import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { SharedCapacity } from '../../lib/bounded-maps.js';
import { type Clock, systemClock } from '../../lib/clock.js';
import { FairSlots } from '../../lib/fair-slots.js';
import { Moment } from '../../lib/moment.js';
import type { AuthenticationMetrics } from '../../observability/metrics/authentication-metrics.js';

/** The user of a valid token, and when this result expires at the latest, in milliseconds since 1970. */
export interface VerifiedUser {
  readonly user: UserInfo;
  readonly expires: number | undefined;
}

/** How tokens are checked, and how long the results are valid. */
export interface TokenCacheOptions {
  /**
   * The user; undefined if the method does not check this kind of token. Errors as for `TokenAuthenticator`. The check goes on even if
   * all callers that wait for it have left.
   */
  readonly verify: (token: BearerToken) => Promise<VerifiedUser | undefined>;
  /** Milliseconds for which a success and a failure are valid. A success is not valid for longer than its token. */
  readonly successTtl: number;
  readonly failureTtl: number;
  readonly metrics: Pick<AuthenticationMetrics, 'cacheAsked'>;
  /**
   * Whether the check of this token asks another server. If so, it counts towards the limit of its network. By default every check does.
   */
  readonly waits?: (token: BearerToken) => boolean;
  /**
   * The object that stands for the server that checks tokens. It is compared by identity, so a replaced object must never come back. When
   * it changes, all earlier results are forgotten.
   */
  readonly verifiedBy?: () => object;
  /** Limits over several caches together. By default each cache has its own. */
  readonly bounds?: TokenBounds;
  /** Networks share these slots for checks that count towards a limit; by default there is no limit. */
  readonly slots?: FairSlots<string>;
  readonly clock?: Clock;
}

/** The result of a check: a user, undefined if the method does not check this kind of token, or an error. */
export type Outcome = ({ readonly user: UserInfo | undefined } | { readonly error: Error }) & {
  /** When the check began, and for how many milliseconds its result is valid. */
  readonly since: Moment;
  readonly lifetime: number;
  /** The value of `verifiedBy` when the check began. */
  readonly verifiedBy: object | undefined;
};

/** How many tokens are remembered: this many valid ones, and this many others. So invalid tokens cannot push out valid ones. */
const capacity = 4096;
/** How many tokens of one network may wait at the same time. A client that guesses tokens must not flood the API server or the issuer. */
const mostWaiting = 128;
/**
 * For this many milliseconds after a success has expired, its token is checked again even if its network is at the limit. Behind a load
 * balancer all callers have one address, and invented tokens must not lock out the callers that were authenticated before.
 */
const reservedFor = 10 * 60_000;

/** What the caches of one method share: their memory, and the limit on waiting tokens of one network. */
export class TokenBounds {
  readonly good = new SharedCapacity(capacity);
  readonly others = new SharedCapacity(capacity);
  readonly goodLately = new SharedCapacity(capacity);
  readonly waiting = new FairSlots<string>(Infinity, () => mostWaiting);
}

/**
 * Remembers the users of tokens, by digest. A token is checked once, however many requests send it at the same time. A check that could not
 * be completed is not remembered (k8s.io/apiserver `token/cache`).
 */
export class TokenCache {
  readonly #options: TokenCacheOptions;
  readonly #clock: Clock;
  readonly #bounds: TokenBounds;
  readonly #good: Map<string, Outcome>;
  readonly #others: Map<string, Outcome>;
  /** When tokens were last found valid. For a while they are exempt from the limits, even if another server checks tokens now. */
  readonly #goodLately: Map<string, Moment>;
  readonly #pending = new Map<string, Promise<Outcome>>();
  #verifier: object | undefined;

  constructor(options: TokenCacheOptions) {
    const { bounds = new TokenBounds(), clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#bounds = bounds;
    this.#good = bounds.good.createMap();
    this.#others = bounds.others.createMap();
    this.#goodLately = bounds.goodLately.createMap();
  }

  /** The result; a promise if it is not remembered. Throws a StatusError of 503 if too many tokens wait. */
  find(token: BearerToken): Outcome | Promise<Outcome> {
    const { digest } = token;
    this.#forgetFormerVerifier();
    const outcome = this.#recall(this.#good, digest) ?? this.#recall(this.#others, digest);
    const asked = outcome === undefined ? this.#pending.get(digest) : undefined;
    this.#options.metrics.cacheAsked(outcome !== undefined || asked !== undefined);
    return outcome ?? asked ?? this.#begin(token);
  }

  /** Whether the token was valid at most ten minutes ago, or is so now, whichever server checks tokens now. */
  wasValid({ digest }: Pick<BearerToken, 'digest'>): boolean {
    const last = this.#goodLately.get(digest);
    return last !== undefined && last.age < this.#options.successTtl + reservedFor;
  }

  /** The result of a check that begins now, or is under way. For a token that was valid, so that no limit applies. */
  recheck(token: BearerToken): Promise<Outcome> {
    this.#forgetFormerVerifier();
    return this.#pending.get(token.digest) ?? this.#pend(token, this.#ask(token));
  }

  #forgetFormerVerifier(): void {
    const verifier = this.#options.verifiedBy?.();
    if (verifier === this.#verifier) return;
    this.#verifier = verifier;
    for (const map of [this.#good, this.#others, this.#pending]) map.clear();
  }

  #begin(token: BearerToken): Promise<Outcome> {
    const { waits = () => true } = this.#options;
    const isFree = this.wasValid(token) || !waits(token);
    return this.#pend(token, isFree ? this.#ask(token) : this.#askInTurn(token, networkOf(token.source)));
  }

  #pend({ digest }: BearerToken, asking: Promise<Outcome>): Promise<Outcome> {
    this.#pending.set(digest, asking);
    const end = () => {
      if (this.#pending.get(digest) === asking) this.#pending.delete(digest);
    };
    asking.then(end, end);
    return asking;
  }

  /** Throws a StatusError of 503 if the network is at its limit. */
  #askInTurn(token: BearerToken, network: string): Promise<Outcome> {
    const { waiting } = this.#bounds;
    const { slots } = this.#options;
    if (!waiting.takeNow(network)) {
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
      this.#forgetFormerVerifier();
      const verifier = this.#verifier;
      const outcome = await this.#verifyOnce(token, verifier);
      this.#forgetFormerVerifier();
      // The server was replaced meanwhile: only the result of the new one is valid.
      if (verifier !== this.#verifier) continue;
      this.#keep(token, outcome);
      return outcome;
    }
  }

  async #verifyOnce(token: BearerToken, verifiedBy: object | undefined): Promise<Outcome> {
    const { successTtl, failureTtl } = this.#options;
    const since = new Moment(this.#clock);
    try {
      const { user, expires } = (await this.#options.verify(token)) ?? {};
      const ttl = user === undefined ? failureTtl : successTtl;
      const lifetime = expires === undefined ? ttl : Math.min(ttl, expires - since.time);
      return { user, since, lifetime, verifiedBy };
    } catch (error) {
      const isLasting =
        error instanceof IdentityError || (error instanceof AuthenticationError && !error.isPassing);
      return { error: error as Error, since, lifetime: isLasting ? failureTtl : 0, verifiedBy };
    }
  }

  #keep({ digest }: BearerToken, outcome: Outcome): void {
    const { good, others, goodLately } = this.#bounds;
    const isGood = 'user' in outcome && outcome.user !== undefined;
    if (isFresh(outcome)) {
      if (isGood) good.set(this.#good, digest, outcome);
      else {
        others.set(this.#others, digest, outcome);
        // What was valid before was checked again.
        this.#good.delete(digest);
      }
      this.#goodLately.delete(digest);
    }
    if (isGood) goodLately.set(this.#goodLately, digest, new Moment(this.#clock));
  }

  /** Moves the entry to the end of the map. The first entry of a map is forgotten first. */
  #recall(map: Map<string, Outcome>, digest: string): Outcome | undefined {
    const outcome = map.get(digest);
    if (outcome === undefined) return undefined;
    map.delete(digest);
    if (!isFresh(outcome)) return undefined;
    map.set(digest, outcome);
    return outcome;
  }
}

function isFresh({ since, lifetime }: Outcome): boolean {
  return since.age < lifetime;
}

/** The user of an outcome; throws its error if the token is invalid. */
export function userOf(outcome: Outcome): UserInfo | undefined {
  if ('error' in outcome) throw outcome.error;
  return outcome.user;
}

/**
 * The network that an address counts towards: each IPv4 address alone, but for an IPv6 address its whole /64, because one host may use all
 * addresses of a /64 (RFC 4291, section 2.5.4). Takes an address as Node writes it; empty for a Unix socket.
 */
export function networkOf(address: string): string {
  const plain = address.split('%')[0] as string;
  const groups = plain.split(':');
  if (groups.length === 1 || plain.includes('.')) return groups.at(-1) as string;
  const whole = plain.replace('::', `${':0'.repeat(9 - groups.length)}:`).split(':');
  return whole
    .slice(0, 4)
    .map(group => group || '0')
    .join(':');
}
