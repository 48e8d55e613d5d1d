import { X509Certificate } from 'node:crypto';
import type { Credential } from '../../credentials/credential.js';
import { readClaims } from '../../kubeconfig/id-token.js';
import { digest } from '../../lib/digest.js';
import { isObject } from '../../lib/json.js';
import { within } from '../../lib/within.js';
import type { Access, UserIdentity } from '../../transport/access.js';
import { reviewSubject } from './subject-review.js';

/** The longest time in milliseconds that a client waits until the API server has said who the user is. */
const patience = 1_000;
/** If the API server cannot be asked, it is not asked again for this number of milliseconds. */
const retryInterval = 1_000;

/** It is not known yet whether an access has the user of a request. */
export class UnknownUserError extends Error {
  constructor() {
    super('the API server has not said yet whose the new credential is');
  }
}

const users = new WeakMap<Access, AccessUser>();

function userOf(access: Access): AccessUser {
  let user = users.get(access);
  if (user === undefined) {
    user = new AccessUser(access);
    users.set(access, user);
  }
  return user;
}

/**
 * Finds out who the user of an access is. If only the API server can say that, it is asked, once for each access, and this takes a second
 * at most. Never rejects: if the API server does not say it, the credential itself is the identity.
 */
export async function identify(access: Access): Promise<AccessUser> {
  const user = userOf(access);
  await user.learn(access);
  return user;
}

/**
 * The API server of an access and the user there. An access with the same user may continue what another one began, even if the credential
 * was rotated between them. It contains no secret.
 */
class AccessUser implements UserIdentity {
  /** Equal for a renewed certificate, and for a renewed token that says whose it is. */
  readonly #credential: string;
  /** What the API server says about another token; undefined if it has not said it. */
  #user: string | undefined;
  /** Whether the API server does not have to be asked any more who the user is. */
  #isFinal: boolean;
  #learning: Promise<unknown> | undefined;
  #askAgainAt = 0;

  constructor({ endpoint, credential, impersonation }: Access) {
    this.#credential = digest([endpoint.server, ownerOf(credential), impersonation]);
    this.#isFinal = credential.authorization === undefined || claimsOf(credential) !== undefined;
  }

  /** Equal keys are the same user. The key may change once, when the API server has said who the user is. */
  get key(): string {
    return this.#user ?? this.#credential;
  }

  isUserOf(access: Access): boolean | Promise<boolean> {
    const other = userOf(access);
    return this.#equals(other) ?? this.#equalsLater(other, access);
  }

  /** Undefined if the API server has not said yet who the other one is. */
  #equals(other: AccessUser): boolean | undefined {
    if (other.#credential === this.#credential) return true;
    if (this.#user === undefined) return false;
    return other.#isFinal ? other.#user === this.#user : undefined;
  }

  async #equalsLater(other: AccessUser, access: Access): Promise<boolean> {
    await other.learn(access);
    const isSame = this.#equals(other);
    if (isSame === undefined) throw new UnknownUserError();
    return isSame;
  }

  /** Asks the API server if necessary. Resolves when the user is known, or when callers should not wait any longer. */
  learn(access: Access): Promise<unknown> | undefined {
    if (this.#isFinal) return undefined;
    if (this.#learning === undefined && performance.now() >= this.#askAgainAt)
      this.#learning = this.#ask(access);
    return this.#learning;
  }

  #ask(access: Access): Promise<unknown> {
    const answer = reviewSubject(access)
      .then(user => this.#answered(access, user))
      .catch(() => {
        this.#askAgainAt = performance.now() + retryInterval;
      })
      .finally(() => {
        this.#learning = undefined;
      });
    return within(patience, answer, () => undefined);
  }

  #answered({ endpoint, credential, impersonation }: Access, user: string | undefined): void {
    this.#isFinal = true;
    if (user === undefined) return;
    this.#user = digest([endpoint.server, subjectOf(credential), 'reviewed', user, impersonation]);
  }
}

/**
 * A renewed certificate has the same subject. A renewed token of a service account or an issuer has the same claims. Any other token counts
 * as a user of its own, because a plugin or an edited file may now provide another user's token.
 */
function ownerOf(credential: Credential): unknown {
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
 * All claims that may identify the user. The API server decides which ones do (by its flags for OpenID Connect, or structured authentication). Group
 * claims are included too. `warnafter` is the time after which a service account's token should have been renewed (kubernetes
 * `pkg/serviceaccount/claims.go`).
 */
function lastingClaims(claims: Readonly<Record<string, unknown>>): object {
  const lasting = Object.fromEntries(Object.entries(claims).filter(([name]) => !fleetingClaims.has(name)));
  const own = lasting['kubernetes.io'];
  return isObject(own) ? { ...lasting, 'kubernetes.io': { ...own, warnafter: undefined } } : lasting;
}
