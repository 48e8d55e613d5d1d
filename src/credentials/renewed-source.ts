import { type Backoff, pauseAfter } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import { Moment } from '../lib/moment.js';
import {
  type Credential,
  CredentialError,
  type CredentialEvents,
  type CredentialSource,
  type CredentialSourceName,
  isSameCredential,
} from './credential.js';

/** A new credential. */
export interface ObtainedCredential {
  readonly credential: Credential;
  /** The expiry that the credential itself states, in milliseconds since 1970; undefined if unknown. It is not used any more then. */
  readonly expiresAt: number | undefined;
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

/** The last failure, how many failures there were in a row, and for how many milliseconds there is no other try. */
interface Failure {
  readonly error: CredentialError;
  readonly count: number;
  readonly since: Moment;
  readonly pause: number;
}

/** A credential, when it was obtained, and for how long it is used. */
interface Use extends Lifetime {
  readonly credential: Credential;
  readonly since: Moment;
}

/**
 * If a new credential has expired by this machine's clock, it is used for this many milliseconds even so: the API server's clock decides, and
 * not every request may start a renewal.
 */
const expiredUse = 10_000;
/**
 * After a 401 a credential is renewed at once, but not within so many milliseconds of the last renewal for that: the API server may refuse
 * each new one too.
 */
const leastInterval = 30_000;
/** After a failure. */
const backoff: Backoff = { first: 1_000, most: 30_000 };

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
  let unused = first;
  let current: Use | undefined;
  let renewal: Promise<Credential> | undefined;
  let failure: Failure | undefined;
  let refusedAt: Moment | undefined;
  let cancelTimer = (): void => {};

  const isBackingOff = (): boolean => failure !== undefined && failure.since.age < failure.pause;

  const use = ({ credential, expiresAt }: ObtainedCredential, ifExpired = 0): void => {
    const since = new Moment(clock);
    const left = (expiresAt ?? Infinity) - since.time;
    current = { credential, ...planLifetime(left > 0 ? left : ifExpired), since };
    // After `close`, another source may report under the same name.
    if (!closing.signal.aborted) events.expires(name, toDate(expiresAt));
  };

  const keep = ({ credential: late, expiresAt }: ObtainedCredential): Credential => {
    const before = current?.credential;
    const credential = before !== undefined && isSameCredential(before, late) ? before : late;
    failure = undefined;
    use({ credential, expiresAt }, expiredUse);
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
    const pause = pauseAfter(count, backoff);
    failure = { error, count, since: new Moment(clock), pause };
    events.refreshed(name, 'failure');
    events.log.warn({ source: name, failures: count, retryAfterSeconds: pause / 1000 }, error.message);
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

  const schedule = (): void => {
    cancelTimer();
    if (current === undefined || closing.signal.aborted) return;
    const pause = failure === undefined ? 0 : failure.pause - failure.since.age;
    const at = Math.max(current.renewAfter, current.since.age + pause);
    if (at >= current.endsAfter) return;
    // `fail` has logged and stored a failure.
    cancelTimer = current.since.schedule(at, () => void startRenewal().catch(() => {}));
  };

  const useFirst = (): void => {
    if (unused === undefined) return;
    use(unused);
    unused = undefined;
    schedule();
  };

  const get = (): Credential | Promise<Credential> => {
    useFirst();
    if (current !== undefined && current.since.age < current.endsAfter) return current.credential;
    if (renewal !== undefined) return renewal;
    if (failure !== undefined && isBackingOff()) return Promise.reject(failure.error);
    if (closing.signal.aborted)
      return Promise.reject(new CredentialError(`the ${name} credential is no longer in use`));
    return startRenewal();
  };

  return {
    name,
    get isLasting() {
      return current?.endsAfter === Infinity;
    },
    get,
    async refused(credential) {
      if (credential !== current?.credential) return;
      if (renewal === undefined) {
        const isTooSoon = refusedAt !== undefined && refusedAt.age < leastInterval;
        if (closing.signal.aborted || isBackingOff() || isTooSoon) return;
        refusedAt = new Moment(clock);
      }
      await startRenewal().catch(() => {});
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

/** When a credential is renewed, and when it is no longer used: milliseconds after it was obtained, Infinity for never. */
export interface Lifetime {
  readonly renewAfter: number;
  readonly endsAfter: number;
}

/** Minimum milliseconds between two renewals. */
const leastPause = 1_000;

/**
 * Plans a renewal after 80 % of the time or 60 s before the end, whichever is later, but after 1 s at least. If the credential ends before
 * that, no renewal is planned: the next request after its end renews it.
 */
export function planLifetime(endsAfter: number): Lifetime {
  if (endsAfter === Infinity) return { renewAfter: Infinity, endsAfter };
  const renewAfter = Math.max(0.8 * endsAfter, endsAfter - 60_000, leastPause);
  return { renewAfter: renewAfter < endsAfter ? renewAfter : Infinity, endsAfter };
}
