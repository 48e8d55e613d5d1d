import { X509Certificate } from 'node:crypto';
import { type Session, serverKey } from '../clusters/endpoint.js';
import type { Credential } from '../credentials/credential.js';
import { readClaims } from '../kubeconfig/id-token.js';
import { digest } from '../lib/digest.js';
import { isObject } from '../lib/json.js';
import { within } from '../lib/within.js';
import { reviewSubject } from './subject-review.js';

/** The longest time in milliseconds that a client waits until the API server has said who the user is. */
const patience = 1_000;
/** If the API server cannot be asked, it is not asked again for this number of milliseconds. */
const retryInterval = 1_000;

/** It is not known yet whether a session acts as the user of the watch. */
export class UnknownUserError extends Error {
  constructor() {
    super('the API server has not said yet whose the new credential is');
  }
}

const identities = new WeakMap<Session, SessionIdentity>();

function identityOf(session: Session): SessionIdentity {
  let identity = identities.get(session);
  if (identity === undefined) {
    identity = new SessionIdentity(session);
    identities.set(session, identity);
  }
  return identity;
}

/**
 * Finds out who the user of a session is. If only the API server can say that, it is asked, once for each session, and this takes a second
 * at most. Never rejects: if the API server does not say it, the credential itself is the identity.
 */
export async function identify(session: Session): Promise<SessionIdentity> {
  const identity = identityOf(session);
  await identity.learn(session);
  return identity;
}

/**
 * The API server of a session and the user there. A session with the same identity may continue what another one began, even if the
 * credential was rotated between them. It contains no secret.
 */
class SessionIdentity {
  /** Equal for a renewed certificate, and for a renewed token that says whose it is. */
  readonly #credential: string;
  /** What the API server says about another token; undefined if it has not said it. */
  #user: string | undefined;
  /** Whether the API server does not have to be asked any more who the user is. */
  #isFinal: boolean;
  #learning: Promise<unknown> | undefined;
  #askAgainAt = 0;

  constructor({ endpoint, credential, impersonation }: Session) {
    this.#credential = digest([serverKey(endpoint), userOf(credential), impersonation]);
    this.#isFinal = credential.authorization === undefined || claimsOf(credential) !== undefined;
  }

  /** Equal keys are the same identity. The key may change once, when the API server has said who the user is. */
  get key(): string {
    return this.#user ?? this.#credential;
  }

  /** Whether a session has this identity. Undefined if that is not known yet: the API server is being asked then, or will be on a later call. */
  isOf(session: Session): boolean | undefined {
    const other = identityOf(session);
    if (other.#credential === this.#credential) return true;
    if (this.#user === undefined) return false;
    if (other.#user !== undefined || other.#isFinal) return other.#user === this.#user;
    other.learn(session);
    return undefined;
  }

  /** Asks the API server if necessary. Resolves when the user is known, or when callers should not wait any longer. */
  learn(session: Session): Promise<unknown> | undefined {
    if (this.#isFinal) return undefined;
    if (this.#learning === undefined && performance.now() >= this.#askAgainAt)
      this.#learning = this.#ask(session);
    return this.#learning;
  }

  #ask(session: Session): Promise<unknown> {
    const answer = reviewSubject(session)
      .then(user => this.#answered(session, user))
      .catch(() => {
        this.#askAgainAt = performance.now() + retryInterval;
      })
      .finally(() => {
        this.#learning = undefined;
      });
    return within(patience, answer, () => undefined);
  }

  #answered({ endpoint, credential, impersonation }: Session, user: string | undefined): void {
    this.#isFinal = true;
    if (user === undefined) return;
    this.#user = digest([serverKey(endpoint), subjectOf(credential), 'reviewed', user, impersonation]);
  }
}

/**
 * A renewed certificate has the same subject. A renewed token of a service account or an issuer has the same claims. Any other token counts
 * as a user of its own, because a plugin or an edited file may now provide another user's token.
 */
function userOf(credential: Credential): unknown {
  const claims = claimsOf(credential);
  return [subjectOf(credential), claims ? lastingClaims(claims) : credential.authorization];
}

function subjectOf({ clientCertificate }: Credential): string {
  return clientCertificate === undefined ? '' : new X509Certificate(clientCertificate.certificate).subject;
}

/**
 * The claims of a JWT that says who its user is (`sub`). A token of another kind may look like a JWT and name its user only by its own ID,
 * for example for a webhook.
 */
function claimsOf({ authorization }: Credential): Readonly<Record<string, unknown>> | undefined {
  const claims =
    authorization === undefined ? undefined : readClaims(authorization.slice(authorization.indexOf(' ') + 1));
  return typeof claims?.['sub'] === 'string' ? claims : undefined;
}

/** Claims that differ in each token of the same user (RFC 7519, OpenID Connect Core, Entra ID). */
const fleetingClaims: ReadonlySet<string> = new Set([
  ...['exp', 'iat', 'nbf', 'jti', 'auth_time', 'nonce', 'at_hash', 'c_hash'],
  ...['aio', 'rh', 'uti'],
]);

/**
 * All claims that may identify the user. The API server decides which ones do (`--oidc-username-claim`, structured authentication). Group
 * claims are included too. `warnafter` is the time after which a service account's token should have been renewed (kubernetes
 * `pkg/serviceaccount/claims.go`).
 */
function lastingClaims(claims: Readonly<Record<string, unknown>>): object {
  const lasting = Object.fromEntries(Object.entries(claims).filter(([name]) => !fleetingClaims.has(name)));
  const own = lasting['kubernetes.io'];
  return isObject(own) ? { ...lasting, 'kubernetes.io': { ...own, warnafter: undefined } } : lasting;
}
