import { X509Certificate } from 'node:crypto';
import type { Credential } from '../../credentials/credential.js';
import { readClaims } from '../../kubeconfig/id-token.js';
import { digest, isObject } from '../../lib/json.js';
import type { Access, UserIdentity } from '../../transport/access.js';

const users = new WeakMap<Access, AccessUser>();

/**
 * The API server of an access and the user there. An access with the same user may continue what another one began, even if the credential
 * was rotated between them. It contains no secret.
 */
export class AccessUser implements UserIdentity {
  /** Equal keys are the same user. */
  readonly key: string;

  private constructor({ endpoint, credential, impersonation }: Access) {
    this.key = digest([endpoint.server, ownerOf(credential), impersonation]);
  }

  static of(access: Access): AccessUser {
    let user = users.get(access);
    if (user === undefined) {
      user = new AccessUser(access);
      users.set(access, user);
    }
    return user;
  }

  isUserOf(access: Access): boolean {
    return AccessUser.of(access).key === this.key;
  }
}

/**
 * A renewed certificate has the same subject. A renewed token of a service account or an issuer has the same claims. Any other token counts
 * as a user of its own: only the API server can say whose it is, and it may have lost the rights that the one before it had.
 */
function ownerOf(credential: Credential): unknown {
  const { clientCertificate, authorization } = credential;
  const subject =
    clientCertificate === undefined ? '' : new X509Certificate(clientCertificate.certificate).subject;
  const claims = claimsOf(credential);
  return [subject, claims ? lastingClaims(claims) : authorization];
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
