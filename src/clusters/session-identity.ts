import { X509Certificate } from 'node:crypto';
import type { Credential } from '../credentials/credential.js';
import { readClaims } from '../kubeconfig/id-token.js';
import { digest } from '../lib/digest.js';
import { type Session, serverKey } from './endpoint.js';

const identities = new WeakMap<Session, string>();

/**
 * A string for the API server of this session and the user there. If it is equal for two sessions, the API server sees them as the same,
 * even if the credential was renewed between them: one session may continue what the other began. It contains no secret.
 */
export function identityOf(session: Session): string {
  let identity = identities.get(session);
  if (identity === undefined) {
    const { endpoint, credential, impersonation } = session;
    identity = digest([serverKey(endpoint), userOf(credential), impersonation]);
    identities.set(session, identity);
  }
  return identity;
}

/**
 * A renewed certificate has the same subject. A renewed token of a service account or an issuer has the same claims. Any other token counts
 * as a user of its own, because a plugin or an edited file may now provide another user's token.
 */
function userOf({ authorization, clientCertificate }: Credential): unknown {
  const subject =
    clientCertificate === undefined ? '' : new X509Certificate(clientCertificate.certificate).subject;
  const claims = authorization && readClaims(authorization.slice(authorization.indexOf(' ') + 1));
  return [subject, claims ? lastingClaims(claims) : authorization];
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
  const isObject = typeof own === 'object' && own !== null;
  return isObject ? { ...lasting, 'kubernetes.io': { ...own, warnafter: undefined } } : lasting;
}
