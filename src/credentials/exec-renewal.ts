import type { Credential } from './credential.js';
import {
  CredentialError,
  type CredentialEvents,
  type CredentialSource,
  type CredentialSourceName,
} from './credential-source.js';
import { backoffAfter, type Lifetime, planLifetime } from './exec-lifetime.js';
import { createRefusalLimit } from './exec-refusals.js';

/** A credential with the time at which it expires, in milliseconds since 1970, if that is known. */
export interface ObtainedCredential {
  readonly credential: Credential;
  readonly expiresAt?: number;
}

/** How a source gets its credentials, and whom it tells. */
interface RenewalOptions {
  readonly name: CredentialSourceName;
  /** Never called again before it has settled. Rejects with a CredentialError, also when the signal stops it. */
  obtain(signal: AbortSignal): Promise<ObtainedCredential>;
  readonly events: CredentialEvents;
  readonly clock: { now(): number };
}

/** What went wrong last, how often in a row, and from when to when nobody tries again. */
interface Failure {
  readonly error: CredentialError;
  readonly count: number;
  readonly at: number;
  readonly until: number;
}

/** Timers are set no further ahead, because they stand still while the machine sleeps. */
const longestTimer = 60 * 60_000;

/**
 * A source that keeps what it obtained until it expires and renews it in the background before that. A failure is
 * remembered for its backoff, in which nobody tries again: 1 s, doubling to 30 s.
 */
export function createRenewedSource({ name, obtain, events, clock }: RenewalOptions): CredentialSource {
  const closing = new AbortController();
  const refusals = createRefusalLimit();
  let current: (ObtainedCredential & Lifetime) | undefined;
  let renewal: Promise<Credential> | undefined;
  let failure: Failure | undefined;
  let timer: NodeJS.Timeout | undefined;

  /** The clock may have been set back. */
  const isBackingOff = (now: number): boolean =>
    failure !== undefined && now >= failure.at && now < failure.until;

  const keep = (obtained: ObtainedCredential): Credential => {
    const { credential, expiresAt } = obtained;
    const kept =
      current !== undefined && isSame(current.credential, credential) ? current.credential : credential;
    current = { ...obtained, credential: kept, ...planLifetime(clock.now(), expiresAt) };
    failure = undefined;
    const expires = expiresAt === undefined ? undefined : new Date(expiresAt);
    events.refreshed(name, 'success');
    events.expires(name, expires);
    events.log.info({ source: name, expires }, `the ${name} credential was renewed`);
    return kept;
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
    clearTimeout(timer);
    if (current === undefined || closing.signal.aborted) return;
    const at = Math.max(current.renewAt, failure?.until ?? 0);
    if (at >= current.endsAt || at === Infinity) return;
    const delay = Math.min(Math.max(at - clock.now(), 0), longestTimer);
    timer = setTimeout(() => {
      renewInBackground();
      if (renewal === undefined) schedule();
    }, delay).unref();
  };

  const get = (): Credential | Promise<Credential> => {
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
    async refused(credential) {
      try {
        const renewed = await renewRefused(credential);
        return renewed === credential ? undefined : renewed;
      } catch {
        return undefined;
      }
    },
    close() {
      closing.abort();
      clearTimeout(timer);
    },
  };
}

function isSame(one: Credential, other: Credential): boolean {
  const { clientCertificate: mine } = one;
  const { clientCertificate: theirs } = other;
  const isSameCertificate =
    mine === undefined || theirs === undefined
      ? mine === theirs
      : mine.certificate.equals(theirs.certificate) && mine.key.equals(theirs.key);
  return isSameCertificate && one.authorization === other.authorization;
}
