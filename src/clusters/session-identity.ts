import { createHash, X509Certificate } from 'node:crypto';
import type { Credential } from '../credentials/credential.js';
import { readClaims } from '../kubeconfig/id-token.js';
import type { ClientConfig } from '../kubeconfig/types.js';
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
    identity = digest([serverKey(endpoint), userOf(endpoint.config, credential), impersonation]);
    identities.set(session, identity);
  }
  return identity;
}

/** A renewed certificate names the same subject, and a renewed token of a service account or an issuer the same user. */
function userOf(config: ClientConfig, { authorization, clientCertificate }: Credential): unknown {
  const { exec, oidc, tokenFile } = config;
  const subject =
    clientCertificate === undefined ? '' : new X509Certificate(clientCertificate.certificate).subject;
  return [subject, tokenUser(authorization, exec ?? oidc ?? tokenFile)];
}

/**
 * Whom an Authorization field stands for.
 *
 * @param origin What renews the token; undefined for a token that never changes.
 */
function tokenUser(authorization: string | undefined, origin: unknown): unknown {
  if (authorization === undefined) return [];
  const claims = readClaims(authorization.slice(authorization.indexOf(' ') + 1));
  if (claims?.['sub'] !== undefined) return [claims['iss'], claims['sub']];
  return origin === undefined ? [authorization] : [origin];
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64');
}
