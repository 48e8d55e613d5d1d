import { ApiError, messageOf } from '../api/client.js';

/** What an issuer gave for a user. */
export interface Tokens {
  readonly idToken: string;
  /** The user's identifier at the issuer. */
  readonly subject: string;
  /** Milliseconds from now to the end of the ID token. */
  readonly lifetime: number;
  /** Undefined if the issuer gave none; then the ID token cannot be renewed. */
  readonly refreshToken: string | undefined;
}

/** Asks the issuer for new tokens. An ApiError of 0, 429 or from 500 up means that it may succeed later. */
type Refresh = (before: Tokens & { readonly refreshToken: string }) => Promise<Tokens>;

/** Milliseconds before its end at which an ID token is renewed, or a third of its life if that is less. */
const lead = 60_000;
/** Milliseconds between two renewals, whatever the issuer says of a token's life. */
const shortestPause = 500;
/** The longest time in milliseconds that a browser's timer can wait. */
const longestTimer = 2 ** 31 - 1;
/** Milliseconds between two attempts, if the issuer does not answer. */
const retryInterval = 5_000;

/** A user who signed in at an issuer. The ID token is the bearer token. It is renewed before it ends. All tokens are only here. */
export class Session {
  readonly #refresh: Refresh;
  readonly #onEnd: (problem: string) => void;
  #tokens!: Tokens;
  /** When the ID token is to be renewed, and when it ends, in milliseconds since 1970. */
  #due = 0;
  #ends = 0;
  /** Why the last renewal failed; undefined if it did not. */
  #failure: unknown;
  #renewing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** @param onEnd Called once if the ID token cannot be renewed any more, with a sentence that says why. */
  constructor(tokens: Tokens, refresh: Refresh, onEnd: (problem: string) => void) {
    this.#refresh = refresh;
    this.#onEnd = onEnd;
    this.#take(tokens);
  }

  get token(): string {
    return this.#tokens.idToken;
  }

  /**
   * Waits until the ID token can be used; undefined if it can be used now. Timers are late in a hidden window, and do not run while the
   * machine sleeps, so each request asks. Rejects with an ApiError.
   */
  ready(): Promise<void> | undefined {
    const now = Date.now();
    if (now >= this.#due) return this.#renew();
    return this.#failure !== undefined && now >= this.#ends ? Promise.reject(this.#failure) : undefined;
  }

  /** Waits for another token, if this one, which the proxy has refused, is the newest. Rejects with an ApiError. */
  async replace(token: string): Promise<void> {
    if (token === this.token) await this.#renew();
  }

  /** Ends the renewals. Resolves with the last refresh token, so that it can be revoked. */
  async close(): Promise<string | undefined> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#renewing?.catch(() => {});
    return this.#tokens.refreshToken;
  }

  /** Concurrent calls share one renewal, because an issuer may take a refresh token only once. */
  #renew(): Promise<void> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<void> {
    const { refreshToken } = this.#tokens;
    try {
      if (refreshToken === undefined || this.#isClosed) throw new Error('Your sign-in has ended.');
      this.#take(await this.#refresh({ ...this.#tokens, refreshToken }));
    } catch (error) {
      this.#failure = error;
      if (error instanceof ApiError && error.isPassing) {
        this.#renewAfter(retryInterval);
        if (Date.now() >= this.#ends) throw error;
        return;
      }
      if (!this.#isClosed) {
        void this.close();
        this.#onEnd(messageOf(error));
      }
      throw new ApiError(401, messageOf(error));
    }
  }

  #take(tokens: Tokens): void {
    this.#tokens = tokens;
    this.#failure = undefined;
    this.#ends = Date.now() + tokens.lifetime;
    const before = tokens.refreshToken === undefined ? 0 : Math.min(lead, tokens.lifetime / 3);
    // The times of a token may be infinite, and the difference of two such times is no number.
    this.#renewAfter(Math.max(tokens.lifetime - before || 0, shortestPause));
  }

  #renewAfter(milliseconds: number): void {
    this.#due = Date.now() + milliseconds;
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    if (milliseconds > longestTimer) return;
    this.#timer = setTimeout(() => void this.#renew().catch(() => {}), milliseconds);
  }
}
