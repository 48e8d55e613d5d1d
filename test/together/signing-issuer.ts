import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateAuthority } from '../support/certificates/certificates.js';
import { startOidcIssuer } from '../support/identities/oidc-issuer.js';
import { createOidcSigner } from '../support/identities/oidc-signer.js';
import type { Scope } from '../support/scope.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Starts an issuer with a key of its own, whose tokens are for one client. It ends with the scope. */
export async function startSigningIssuer(
  scope: Scope,
  authority: CertificateAuthority,
  audience = 'gateway',
) {
  const issuer = await startOidcIssuer(authority);
  scope.after(() => issuer.close());
  const signer = createOidcSigner('one');
  issuer.jwks = { keys: [signer.jwk] };
  const caFile = join(temporaryFolder(), 'issuer.crt');
  await writeFile(caFile, authority.certificate);
  return {
    ...{ issuer, signer, caFile },
    /** Names the issuer, its client and its authority. */
    flags: [
      ...[`--oidc-issuer-url=${issuer.url}`, `--oidc-client-id=${audience}`, `--oidc-ca-file=${caFile}`],
    ],
    /** Signs claims in addition to those that every token needs; a token is valid for an hour. */
    sign: (claims: object = {}) =>
      signer.sign({ iss: issuer.url, aud: audience, sub: 'alice', exp: Date.now() / 1000 + 3600, ...claims }),
  };
}
