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

/** A new credential, and until when it may be used, in milliseconds since 1970. */
export interface ObtainedCredential {
  readonly credential: Credential;
  /** The expiry that the credential itself states; absent if unknown. */
  readonly expiresAt?: number;
  /** When it is no longer used: by default at `expiresAt`, or never if that is absent. */
  readonly endsAt?: number;
}

/** How a source gets its credentials, and where it reports to. */
interface RenewalOptions {
  readonly name: CredentialSourceName;
  /** Gets a credential. Only one call runs at a time. Rejects with a CredentialError, also if the signal stops it. */
  obtain(signal: AbortSignal): Promise<ObtainedCredential>;
  /** The initial credential. */
  readonly first?: ObtainedCredential | undefined;
  readonly events: CredentialEvents;
  readonly clock: Clock;
}

/** The last failure, how many failures there were in a row, and until when there is no other try. */
interface Failure {
  readonly error: CredentialError;
  readonly count: number;
  readonly at: number;
  readonly until: number;
}

/** If a credential has expired on arrival, it is used for this many milliseconds, so that not every request starts a renewal. */
const leastUse = 1_000;
/** The longest timer, in milliseconds. Timers stop while the machine sleeps. */
const longestTimer = 60 * 60_000;

/**
 * A source that uses a credential until its end, and renews it in the background before that. After a failure there is no other
 * try for 1 s; this time doubles with each failure, up to 30 s. Nothing happens before the first `get`.
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

  /** Also false if the clock was set back: the backoff then ends. */
  const isBackingOff = (now: number): boolean =>
    failure !== undefined && now >= failure.at && now < failure.until;

  const use = (obtained: ObtainedCredential, lifetime: Lifetime): void => {
    current = { ...obtained, ...lifetime };
    // After `close`, another source may report under the same name.
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
    // Any other error is a bug of this program, and may contain a secret.
    const error =
      cause instanceof CredentialError
        ? cause
        : new CredentialError(`the ${name} credential is not available: internal error`);
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
      // `fail` has logged and stored the failure.
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
    if (renewed === credential) refusals.returnedTheSame();
    return renewed;
  };

  return {
    name,
    get,
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
