import { backoffAfter } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import { type Credential, isSameCredential } from './credential.js';
import {
  CredentialError,
  type CredentialEvents,
  type CredentialSource,
  type CredentialSourceName,
} from './credential-source.js';
import { type Lifetime, planLifetime } from './lifetime.js';
import { createRefusalLimit } from './refusal-limit.js';

/** A credential and how long it is good for, in milliseconds since 1970. */
export interface ObtainedCredential {
  readonly credential: Credential;
  /** When it expires, as it says itself; absent when that is not known. */
  readonly expiresAt?: number;
  /** When it is no longer given: `expiresAt` unless said otherwise, and never when neither is there. */
  readonly endsAt?: number;
}

/** How a source gets its credentials, and whom it tells. */
interface RenewalOptions {
  readonly name: CredentialSourceName;
  /** Never called again before it has settled. Rejects with a CredentialError, also when the signal stops it. */
  obtain(signal: AbortSignal): Promise<ObtainedCredential>;
  /** What is there to begin with. */
  readonly first?: ObtainedCredential | undefined;
  readonly events: CredentialEvents;
  readonly clock: Clock;
}

/** What went wrong last, how often in a row, and from when to when nobody tries again. */
interface Failure {
  readonly error: CredentialError;
  readonly count: number;
  readonly at: number;
  readonly until: number;
}

/** One that has ended when it comes is still given for so long, so that not every request asks for another. */
const leastUse = 1_000;
/** Timers are set no further ahead, because they stand still while the machine sleeps. */
const longestTimer = 60 * 60_000;

/**
 * A source that keeps what it obtained until it ends and renews it in the background before that. A failure is
 * remembered for its backoff, in which nobody tries again: 1 s, doubling to 30 s. Nothing happens before the first `get`.
 */
export function createRenewedSource({
  name,
  obtain,
  first,
  events,
  clock,
}: RenewalOptions): CredentialSource {
  const closing = new AbortController();
  const refusals = createRefusalLimit();
  let unused = first;
  let current: (ObtainedCredential & Lifetime) | undefined;
  let renewal: Promise<Credential> | undefined;
  let failure: Failure | undefined;
  let cancelTimer = (): void => {};

  /** The clock may have been set back. */
  const isBackingOff = (now: number): boolean =>
    failure !== undefined && now >= failure.at && now < failure.until;

  const use = (obtained: ObtainedCredential, lifetime: Lifetime): void => {
    current = { ...obtained, ...lifetime };
    // Another source may have the name by now.
    if (!closing.signal.aborted) events.expires(name, toDate(obtained.expiresAt));
  };

  const keep = (obtained: ObtainedCredential): Credential => {
    const { expiresAt, endsAt = expiresAt } = obtained;
    const before = current?.credential;
    const credential =
      before !== undefined && isSameCredential(before, obtained.credential) ? before : obtained.credential;
    const now = clock.now();
    const end = endsAt === undefined ? undefined : Math.max(endsAt, now + leastUse);
    failure = undefined;
    use({ ...obtained, credential }, planLifetime(now, end));
    if (closing.signal.aborted) return credential;
    events.refreshed(name, 'success');
    events.log.info({ source: name, expires: toDate(expiresAt) }, `the ${name} credential was renewed`);
    return credential;
  };

  const fail = (cause: unknown): CredentialError => {
    // Another error is a fault of this program, and might hold what was being worked on.
    const error =
      cause instanceof CredentialError
        ? cause
        : new CredentialError(`the ${name} credential cannot be had: internal error`);
    if (closing.signal.aborted) return error;
    const count = (failure?.count ?? 0) + 1;
    const delay = backoffAfter(count);
    const at = clock.now();
    failure = { error, count, at, until: at + delay };
    events.refreshed(name, 'failure');
    events.log.warn({ source: name, failures: count, retryAfterSeconds: delay / 1000 }, error.message);
    return error;
  };

  const renew = async (): Promise<Credential> => {
    try {
      return keep(await obtain(closing.signal));
    } catch (error) {
      throw fail(error);
    } finally {
      renewal = undefined;
      schedule();
    }
  };
  const startRenewal = (): Promise<Credential> => {
    renewal ??= renew();
    return renewal;
  };

  const renewInBackground = (): void => {
    const now = clock.now();
    const isDue = current !== undefined && now >= current.renewAt && now < current.endsAt;
    if (isDue && renewal === undefined && !isBackingOff(now) && !closing.signal.aborted) {
      // The failure is logged and remembered.
      startRenewal().catch(() => {});
    }
  };

  const schedule = (): void => {
    cancelTimer();
    if (current === undefined || closing.signal.aborted) return;
    const at = Math.max(current.renewAt, failure?.until ?? 0);
    if (at >= current.endsAt || at === Infinity) return;
    const delay = Math.min(Math.max(at - clock.now(), 0), longestTimer);
    cancelTimer = clock.schedule(delay, () => {
      renewInBackground();
      if (renewal === undefined) schedule();
    });
  };

  const useFirst = (): void => {
    if (unused === undefined) return;
    const { expiresAt, endsAt = expiresAt } = unused;
    use(unused, planLifetime(clock.now(), endsAt));
    unused = undefined;
    schedule();
  };

  const get = (): Credential | Promise<Credential> => {
    useFirst();
    const now = clock.now();
    if (current !== undefined && now < current.endsAt) {
      renewInBackground();
      return current.credential;
    }
    if (renewal !== undefined) return renewal;
    if (failure !== undefined && isBackingOff(now)) return Promise.reject(failure.error);
    if (closing.signal.aborted)
      return Promise.reject(new CredentialError(`the ${name} credential is no longer in use`));
    return startRenewal();
  };

  const renewRefused = async (credential: Credential): Promise<Credential> => {
    if (credential !== current?.credential) return get();
    const now = clock.now();
    if (renewal === undefined && (closing.signal.aborted || isBackingOff(now) || !refusals.mayRenew(now))) {
      return credential;
    }
    const renewed = await startRenewal();
    if (renewed === credential) refusals.gaveTheSame();
    return renewed;
  };

  return {
    name,
    get,
    get endsAt() {
      return current?.endsAt ?? Infinity;
    },
    async refused(credential) {
      try {
        const renewed = await renewRefused(credential);
        return renewed === credential ? undefined : renewed;
      } catch {
        return undefined;
      }
    },
    close() {
      if (closing.signal.aborted) return;
      closing.abort();
      cancelTimer();
      events.expires(name, undefined);
    },
  };
}

function toDate(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}
