import type { OidcConfig } from '../kubeconfig/auth-provider.js';
import { readIdToken } from '../kubeconfig/id-token.js';
import type { Credential } from './credential.js';
import { CredentialError, type CredentialEvents, type CredentialSource } from './credential-source.js';
import { type CreateIssuerDispatcher, OidcIssuer, type RefreshedTokens } from './oidc-issuer.js';

/** Milliseconds before its expiry from which client-go takes an id-token for expired. */
const leeway = 10_000;
/** The last part of its use in which an id-token is renewed in the background: a fifth of it, and at most this long. */
const longestLead = 60_000;
/** A token that is new but expired by this machine's clock is used for so long: the API server's clock is what counts. */
const leastUse = 10_000;
const firstBackoff = 1_000;
const longestBackoff = 30_000;
/** How long a token that the API server refuses is not renewed again, at first and at most. */
const firstRefusalPause = 10_000;
const longestRefusalPause = 300_000;
/** Without a refusal for so long the pause is the first one again. */
const refusalMemory = 2 * longestRefusalPause;
const longestTimer = 2 ** 31 - 1;

/** Time, as a test may want it; milliseconds. */
export interface OidcClock {
  now(): number;
  /** Runs a function once and gives what cancels it; must not keep the process alive. */
  schedule(delay: number, run: () => void): () => void;
}

/** What an oidc source works with. */
interface OidcSourceOptions {
  readonly config: OidcConfig;
  /** What goes with the token, such as a client certificate. */
  readonly base: Omit<Credential, 'authorization'>;
  readonly events: CredentialEvents;
  readonly clock?: OidcClock;
  /** Connections to the issuer, for a proxy on the way; direct ones unless given. One is made and destroyed a refresh. */
  readonly createDispatcher?: CreateIssuerDispatcher;
}

/**
 * The credential of the oidc auth provider: the id-token as a bearer token, renewed at its issuer before it expires.
 * New tokens stay in memory; the kubeconfig is not written, so that a restart begins with the refresh-token found there.
 */
export function createOidcSource(options: OidcSourceOptions): CredentialSource {
  return new OidcSource(options);
}

/** A credential and, in milliseconds of the clock, until when it is given and from when it is renewed. */
interface Current {
  readonly credential: Credential;
  readonly idToken: string;
  readonly usableUntil: number;
  readonly renewFrom: number;
}

/** Something that must not happen again for `pause` milliseconds from `at`. */
interface Pause {
  readonly at: number;
  readonly pause: number;
}

class OidcSource implements CredentialSource {
  readonly name = 'oidc';
  readonly #base: Omit<Credential, 'authorization'>;
  readonly #events: CredentialEvents;
  readonly #clock: OidcClock;
  readonly #issuer: OidcIssuer;
  readonly #closing = new AbortController();
  #refreshToken: string;
  #current: Current | undefined;
  #renewal: Promise<Credential> | undefined;
  #failure: (Pause & { readonly error: CredentialError }) | undefined;
  #refusal: Pause | undefined;
  #cancelTimer: () => void = () => {};

  constructor({ config, base, events, clock = systemClock, createDispatcher }: OidcSourceOptions) {
    this.#base = base;
    this.#events = events;
    this.#clock = clock;
    this.#issuer = new OidcIssuer(config, createDispatcher);
    this.#refreshToken = config.refreshToken;
    const token = readIdToken(config.idToken);
    if (token !== undefined) {
      this.#use(config.idToken, token.expires, (token.expires?.getTime() ?? 0) - leeway);
      if (this.#refreshToken === '') {
        const fields = { source: this.name, expires: token.expires };
        events.log.warn(fields, 'the id-token cannot be renewed when it expires: there is no refresh-token');
      }
    }
  }

  get(): Credential | Promise<Credential> {
    const current = this.#usable();
    if (current === undefined) return this.#renew();
    if (this.#clock.now() >= current.renewFrom) this.#renewInBackground();
    return current.credential;
  }

  async refused(credential: Credential): Promise<Credential | undefined> {
    try {
      if (credential !== this.#current?.credential) return await this.get();
      if (this.#renewal === undefined && !this.#mayRenewRefused()) return undefined;
      const renewed = await this.#renew();
      return renewed === credential ? undefined : renewed;
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#cancelTimer();
    this.#closing.abort();
  }

  #usable(): Current | undefined {
    const current = this.#current;
    return current !== undefined && this.#clock.now() < current.usableUntil ? current : undefined;
  }

  /** One renewal at a time, which all who call meanwhile share; while the last failure is recent, only that failure. */
  #renew(): Promise<Credential> {
    if (this.#renewal !== undefined) return this.#renewal;
    if (this.#closing.signal.aborted) return Promise.reject(new CredentialError('the proxy is closing'));
    if (this.#failure !== undefined && this.#isPaused(this.#failure))
      return Promise.reject(this.#failure.error);
    if (this.#refreshToken === '') {
      return Promise.reject(
        new CredentialError(
          'the id-token has expired and there is no refresh-token to renew it; log in again',
        ),
      );
    }
    this.#renewal = this.#issuer
      .refresh(this.#refreshToken, this.#closing.signal)
      .then(
        tokens => this.#succeed(tokens),
        (error: unknown) => this.#fail(error),
      )
      .finally(() => {
        this.#renewal = undefined;
      });
    return this.#renewal;
  }

  #renewInBackground(): void {
    if (this.#refreshToken !== '') this.#renew().catch(() => {});
  }

  #succeed({ idToken, refreshToken }: RefreshedTokens): Credential {
    this.#refreshToken = refreshToken ?? this.#refreshToken;
    const token = readIdToken(idToken);
    if (token === undefined) {
      return this.#fail(
        new CredentialError('the OpenID Connect issuer gave an id_token that is not a JSON Web Token'),
      );
    }
    this.#failure = undefined;
    const { expires } = token;
    const until = Math.max((expires?.getTime() ?? 0) - leeway, this.#clock.now() + leastUse);
    const credential = this.#use(idToken, expires, until);
    this.#events.refreshed(this.name, 'success');
    this.#events.log.info({ source: this.name, expires }, 'the id-token was renewed');
    return credential;
  }

  #fail(cause: unknown): never {
    const error =
      cause instanceof CredentialError ? cause : new CredentialError('the id-token cannot be renewed');
    if (this.#closing.signal.aborted) throw error;
    const pause = this.#failure === undefined ? firstBackoff : this.#failure.pause * 2;
    this.#failure = { at: this.#clock.now(), pause: Math.min(pause, longestBackoff), error };
    this.#events.refreshed(this.name, 'failure');
    this.#events.log.warn({ source: this.name, retryIn: this.#failure.pause }, error.message);
    // Once it has expired, requests ask for a renewal; an issuer is not asked for ever on behalf of nobody.
    if (this.#usable() !== undefined) this.#schedule(this.#failure.pause);
    throw error;
  }

  /** Takes a token into use; the same one keeps its credential. */
  #use(idToken: string, expires: Date | undefined, usableUntil: number): Credential {
    const credential =
      idToken === this.#current?.idToken
        ? this.#current.credential
        : { ...this.#base, authorization: `Bearer ${idToken}` };
    const now = this.#clock.now();
    const renewFrom = usableUntil - Math.min(longestLead, (usableUntil - now) / 5);
    this.#current = { credential, idToken, usableUntil, renewFrom };
    this.#events.expires(this.name, expires);
    this.#schedule(renewFrom - now);
    return credential;
  }

  #schedule(delay: number): void {
    this.#cancelTimer();
    if (this.#refreshToken === '' || this.#closing.signal.aborted) return;
    this.#cancelTimer = this.#clock.schedule(Math.min(Math.max(delay, 0), longestTimer), () => {
      const current = this.#usable();
      if (current === undefined) return;
      const early = current.renewFrom - this.#clock.now();
      if (early > 0) this.#schedule(early);
      else this.#renewInBackground();
    });
  }

  #mayRenewRefused(): boolean {
    if (this.#refreshToken === '') return false;
    const last = this.#refusal;
    if (last !== undefined && this.#isPaused(last)) return false;
    const now = this.#clock.now();
    const isForgotten = last === undefined || now - last.at >= refusalMemory;
    const pause = isForgotten ? firstRefusalPause : Math.min(last.pause * 2, longestRefusalPause);
    this.#refusal = { at: now, pause };
    return true;
  }

  /** A clock that was set back must not make a pause longer. */
  #isPaused({ at, pause }: Pause): boolean {
    const passed = this.#clock.now() - at;
    return passed >= 0 && passed < pause;
  }
}

const systemClock: OidcClock = {
  now: () => Date.now(),
  schedule: (delay, run) => {
    const timer = setTimeout(run, delay).unref();
    return () => clearTimeout(timer);
  },
};
