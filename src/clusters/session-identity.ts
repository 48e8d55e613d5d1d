import { createHash, X509Certificate } from 'node:crypto';
import type { Credential } from '../credentials/credential.js';
import { readClaims } from '../kubeconfig/id-token.js';
import { type Session, serverKey } from './endpoint.js';

const identities = new WeakMap<Session, string>();

/**
 * Which API server requests of this session go to, and as whom. Two sessions with the same text are the same to the API server, even if the
 * credential was renewed between them: one may go on with what the other one began. Contains no secret.
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
 * A renewed certificate names the same subject, and a renewed token of a service account or an issuer has the same claims. Any other token is
 * a user of its own: a plugin, or whoever writes a file, may have another user now.
 */
function userOf({ authorization, clientCertificate }: Credential): unknown {
  const subject =
    clientCertificate === undefined ? '' : new X509Certificate(clientCertificate.certificate).subject;
  const claims = authorization && readClaims(authorization.slice(authorization.indexOf(' ') + 1));
  return [subject, claims ? lastingClaims(claims) : authorization];
}

/** Claims that each token of a user has anew (RFC 7519, OpenID Connect Core, Entra ID). */
const fleetingClaims: ReadonlySet<string> = new Set([
  ...['exp', 'iat', 'nbf', 'jti', 'auth_time', 'nonce', 'at_hash', 'c_hash'],
  ...['aio', 'rh', 'uti'],
]);

/**
 * All claims that may say who the user is: which ones do is up to the API server (`--oidc-username-claim`, structured authentication), and
 * so are groups. `warnafter` is when a service account's token should have been renewed (kubernetes `pkg/serviceaccount/claims.go`).
 */
function lastingClaims(claims: Readonly<Record<string, unknown>>): object {
  const lasting = Object.fromEntries(Object.entries(claims).filter(([name]) => !fleetingClaims.has(name)));
  const own = lasting['kubernetes.io'];
  const isObject = typeof own === 'object' && own !== null;
  return isObject ? { ...lasting, 'kubernetes.io': { ...own, warnafter: undefined } } : lasting;
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64');
}
