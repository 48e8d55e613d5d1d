import { browser } from '../api/browser.js';
import { type Client, messageOf, proxyItself } from '../api/client.js';
import { page } from '../api/page.js';
import type { Arrival } from './answer.js';
import type { Issuer } from './issuer.js';
import { keepAttempt, markSignedIn, takeAttempt, unmarkSignedIn } from './kept.js';
import type { SignInOffer } from './offer.js';
import { Session } from './session.js';

/** Milliseconds that an issuer's page for signing out may take. */
const patience = 15_000;

/**
 * Signing in at an issuer and out again: by the authorization code flow with PKCE, as a public client, with the whole window. Each method
 * that can fail resolves with a sentence for the user, which is empty without a problem.
 */
export class IssuerSignIn {
  readonly #client: Client;
  readonly #arrival: Arrival;
  readonly #onEnd: (problem: string) => void;
  /** The issuer of the client's session, and the session itself. */
  #open: { readonly issuer: Issuer; readonly session: Session } | undefined;
  /** Ends what is on its way to an issuer. */
  #way = new AbortController();
  /** Whether the window waits for a document of an issuer. */
  #isLeaving = false;

  /** @param onEnd Called when a user has to sign in again, with a sentence that says why. */
  constructor(client: Client, arrival: Arrival, onEnd: (problem: string) => void) {
    this.#client = client;
    this.#arrival = arrival;
    this.#onEnd = onEnd;
  }

  /** The address of this page. */
  get page(): string {
    return `${this.#client.base}/-/ui/`;
  }

  offer(): Promise<SignInOffer> {
    return this.#client.own<SignInOffer>('/sign-in');
  }

  /**
   * Goes to the issuer. Does not resolve if the browser goes there.
   *
   * @param subject The user to bring back without a question; by default anyone may sign in.
   */
  begin(issuer: string, subject?: string): Promise<string> {
    return this.#at(issuer, async (found, signal) => {
      const { url, attempt } = await found.begin(browser.location.hash, subject);
      signal.throwIfAborted();
      keepAttempt(attempt);
      this.#isLeaving = true;
      if (subject === undefined) browser.location.assign(url);
      else browser.location.replace(url);
      await new Promise(() => {});
    });
  }

  /**
   * Goes on with what this window has begun: takes the answer of the issuer; or else, if the document of a user who signed in was loaded
   * again, asks the issuer for a token once, in silence.
   */
  async resume(): Promise<string> {
    const attempt = takeAttempt();
    const { address, answer } = this.#arrival;
    if (answer !== undefined) {
      if (attempt === undefined)
        return 'This window has not asked for the answer that it got. Sign in again.';
      browser.history.replaceState(null, '', browser.location.pathname + attempt.view);
      // The answer of another issuer, to which this one sent the browser (RFC 9700, section 4.4).
      if (address !== attempt.redirectUri)
        return 'The answer came to another address than the issuer was given. Sign in again.';
      return this.#at(attempt.issuer, async found => {
        const tokens = await found.redeem(answer, attempt);
        if (tokens === undefined) return;
        const session = new Session(tokens, before => found.refresh(before), this.#onEnd);
        this.#open = { issuer: found, session };
        this.#client.tokens.delete(proxyItself);
        this.#client.session = session;
        markSignedIn({ issuer: attempt.issuer, subject: tokens.subject });
      });
    }
    // A link to this page, which anyone can make, begins nothing.
    const [navigation] = browser.performance.getEntriesByType('navigation');
    if (navigation?.type === 'navigate') return '';
    // Without the mark, the next document does not try again.
    const before = unmarkSignedIn();
    return before === undefined ? '' : this.begin(before.issuer, before.subject);
  }

  /** Forgets that the user signed in. */
  forget(): void {
    void this.#open?.session.close();
    this.#open = undefined;
    this.#client.session = undefined;
    unmarkSignedIn();
  }

  /** Drops what is on its way to an issuer: the user has decided otherwise. */
  drop(): void {
    this.#way.abort();
    this.#way = new AbortController();
    takeAttempt();
    if (this.#isLeaving) browser.stop();
    this.#isLeaving = false;
  }

  /**
   * Signs out: forgets, makes the issuer forget too, and goes to its page for signing out. Resolves if there is no such page, or if it does
   * not come.
   */
  async end(): Promise<string> {
    const open = this.#open;
    this.forget();
    if (open === undefined) return '';
    const { signal } = this.#way;
    // A renewal that is on its way brings the refresh token to revoke.
    const refreshToken = await open.session.close();
    if (refreshToken !== undefined) open.issuer.revoke(refreshToken);
    const address = open.issuer.signOutAddress;
    if (address === undefined || signal.aborted) return '';
    this.#isLeaving = true;
    browser.location.assign(address);
    await page.wait(patience, signal).catch(() => {});
    if (signal.aborted) return '';
    this.drop();
    return `The page of ${open.issuer.name} for signing out does not come. You may still be signed in there.`;
  }

  async #at(issuer: string, use: (found: Issuer, signal: AbortSignal) => Promise<void>): Promise<string> {
    const { signal } = this.#way;
    try {
      const { issuers } = await this.offer();
      const entry = issuers.find(candidate => candidate.issuer === issuer);
      if (entry === undefined) return 'The proxy no longer offers this issuer.';
      const { Issuer, sentenceOf } = await import('./issuer.js');
      try {
        await use(await Issuer.discover(entry, this.#client.base), signal);
        return '';
      } catch (error) {
        return signal.aborted ? '' : sentenceOf(error, entry);
      }
    } catch (error) {
      return signal.aborted ? '' : messageOf(error);
    }
  }
}
