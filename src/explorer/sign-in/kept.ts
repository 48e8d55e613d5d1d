// What this window keeps in its storage over the way to an issuer and back. Tokens are never there.

/** One way to an issuer and back. */
export interface Attempt {
  readonly issuer: string;
  /** The value that the answer has to repeat. */
  readonly state: string;
  /** The value that the ID token has to repeat. */
  readonly nonce: string;
  /** The secret that belongs to the code (RFC 7636). */
  readonly verifier: string;
  /** The fragment to show afterwards. */
  readonly view: string;
  /** With `none`, the issuer may ask the user nothing. */
  readonly prompt: 'none' | undefined;
}

const attemptKey = 'kube-api-proxy-sign-in';
const signedInKey = 'kube-api-proxy-signed-in';

/** Keeps an attempt until the next document of the page begins. */
export function keepAttempt(attempt: Attempt): void {
  sessionStorage.setItem(attemptKey, JSON.stringify(attempt));
}

/** The attempt that this window has kept, once. */
export function takeAttempt(): Attempt | undefined {
  const text = taken(attemptKey);
  return text === null ? undefined : (JSON.parse(text) as Attempt);
}

/** Marks this window as signed in at an issuer. */
export function markSignedIn(issuer: string): void {
  sessionStorage.setItem(signedInKey, issuer);
}

/** Removes the mark. Returns the issuer that it named; undefined without a mark. */
export function unmarkSignedIn(): string | undefined {
  return taken(signedInKey) ?? undefined;
}

function taken(key: string): string | null {
  const value = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  return value;
}
