import { browser } from '../api/browser.js';

// What this window keeps in its storage over the way to an issuer and back. Tokens are never there.

/** One way to an issuer and back. */
export interface Attempt {
  readonly issuer: string;
  /** Where the answer has to arrive. */
  readonly redirectUri: string;
  /** The value that the answer has to repeat. */
  readonly state: string;
  /** The value that the ID token has to repeat. */
  readonly nonce: string;
  /** The secret that belongs to the code (RFC 7636). */
  readonly verifier: string;
  /** The fragment to show afterwards. */
  readonly view: string;
  /** The user who has to come back; the issuer may then ask nothing. Undefined if anyone may sign in. */
  readonly subject: string | undefined;
}

/** Who signed in, and where. */
export type SignedIn = Pick<Attempt, 'issuer'> & { readonly subject: string };

// Pages of other proxies may be below other paths of this origin.
const attemptKey = `kube-api-proxy-sign-in ${browser.location.pathname}`;
const signedInKey = `kube-api-proxy-signed-in ${browser.location.pathname}`;

/** Keeps an attempt until the next document of the page begins. */
export function keepAttempt(attempt: Attempt): void {
  browser.sessionStorage.setItem(attemptKey, JSON.stringify(attempt));
}

/** The attempt that this window has kept, once. */
export function takeAttempt(): Attempt | undefined {
  return taken<Attempt>(attemptKey);
}

/** Marks this window as signed in at an issuer. */
export function markSignedIn(signedIn: SignedIn): void {
  browser.sessionStorage.setItem(signedInKey, JSON.stringify(signedIn));
}

/** Removes the mark. Returns what it said; undefined without a mark. */
export function unmarkSignedIn(): SignedIn | undefined {
  return taken<SignedIn>(signedInKey);
}

function taken<T>(key: string): T | undefined {
  const text = browser.sessionStorage.getItem(key);
  browser.sessionStorage.removeItem(key);
  return text === null ? undefined : (JSON.parse(text) as T);
}
