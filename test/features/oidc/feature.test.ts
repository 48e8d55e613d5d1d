import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { digestOf } from '../../../src/authentication/bearer-token/bearer-token.js';
import { openIdConnect } from '../../../src/features/oidc/feature.js';
import { parseOptions } from '../../../src/options/parse.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { createCore } from '../../support/features/core.js';
import { startOidcIssuer } from '../../support/identities/oidc-issuer.js';
import { createOidcSigner } from '../../support/identities/oidc-signer.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

it('only id-tokens that wait for their issuer count for the limit of their address', async t => {
  const authority = await createCertificateAuthority();
  const issuer = await startOidcIssuer(authority);
  t.after(() => issuer.close());
  const folder = temporaryFolder();
  const caFile = join(folder, 'ca.crt');
  await writeFile(caFile, authority.certificate);
  const signer = createOidcSigner('one');
  issuer.jwks = { keys: [signer.jwk] };
  let release = () => {};
  issuer.hold(
    new Promise(resolve => {
      release = resolve;
    }),
  );

  const argv = [`--oidc-issuer-url=${issuer.url}`, '--oidc-client-id=gateway', `--oidc-ca-file=${caFile}`];
  const { options } = parseOptions({ argv, env: {} });
  const made = await openIdConnect.create(options, createCore(), () => {});
  if (made === undefined) assert.fail('it is off');
  if ('problems' in made) assert.fail(made.problems.join());
  const { method, start, close } = made;
  const { authenticator, check, issuers } = method;
  t.after(close);
  start();
  const authenticate = async (text: string, source = '192.0.2.1') => {
    const token = { text, digest: digestOf(text), source };
    return (await authenticator.authenticateToken(token))?.username;
  };
  const claims = { iss: issuer.url, aud: 'gateway', exp: Math.floor(Date.now() / 1000) + 60 };
  const tokenOf = (sub: string) => signer.sign({ ...claims, sub });
  const otherIssuer = (sub: string) => signer.sign({ ...claims, iss: 'https://other.example', sub });

  const waiting = Array.from({ length: 128 }, (_, index) => authenticate(tokenOf(`user-${index}`)));
  await assert.rejects(authenticate(tokenOf('alice')), { code: 503, message: /from this address/ });
  assert.equal(await authenticate(otherIssuer('alice')), undefined);
  assert.equal(await authenticate('opaque'), undefined);
  assert.equal(issuers()[0]?.discovery(), undefined);
  release();
  assert.equal((await Promise.all(waiting))[127], `${issuer.url}#user-127`);
  await eventuallyPasses(check.check);
  assert.deepEqual(
    issuers().map(one => [one.url, one.clientId, one.discovery()]),
    [[issuer.url, 'gateway', issuer.metadata]],
  );
  assert.equal(await authenticate(tokenOf('alice')), `${issuer.url}#alice`);
});
