import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { digestOf } from '../../../src/authentication/bearer-token/bearer-token.js';
import { openIdConnect } from '../../../src/features/oidc/feature.js';
import { Deferred } from '../../../src/lib/deferred.js';
import { parseOptions } from '../../../src/options/parse.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { createCore } from '../../support/features/core.js';
import { startOidcIssuer } from '../../support/identities/oidc-issuer.js';
import { createOidcSigner } from '../../support/identities/oidc-signer.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const authority = await createCertificateAuthority();
const signer = createOidcSigner('one');

async function startIssuer(t: TestContext) {
  const issuer = await startOidcIssuer(authority);
  t.after(() => issuer.close());
  issuer.jwks = { keys: [signer.jwk] };
  return issuer;
}

/** The feature with these flags, and with one more for a file that has this content. */
async function start(
  t: TestContext,
  flags: Readonly<Record<string, string>>,
  fileFlag: string,
  content: string,
) {
  const file = join(temporaryFolder(), 'file');
  await writeFile(file, content);
  const argv = [...Object.entries(flags), [fileFlag, file]].map(([flag, value]) => `--${flag}=${value}`);
  const made = await openIdConnect.create(parseOptions({ argv, env: {} }).options, createCore(), () => {});
  if (made === undefined || 'problems' in made) return assert.fail(JSON.stringify(made));
  t.after(made.close);
  made.start();
  const authenticate = async (text: string, source = '192.0.2.1') => {
    const token = { text, digest: digestOf(text), source };
    return (await made.method.authenticator.authenticateToken(token))?.username;
  };
  return { ...made.method, authenticate };
}

const claims = { aud: 'gateway', exp: Math.floor(Date.now() / 1000) + 600 };

it('only id-tokens that wait for their issuer count for the limit of their address', async t => {
  const issuer = await startIssuer(t);
  const answer = new Deferred();
  issuer.hold(answer.promise);
  const flags = { 'oidc-issuer-url': issuer.url, 'oidc-client-id': 'gateway' };
  const { check, issuers, authenticate } = await start(t, flags, 'oidc-ca-file', authority.certificate);
  const tokenOf = (sub: string, iss = issuer.url) => signer.sign({ ...claims, iss, sub });
  const waiting = Array.from({ length: 128 }, (_, index) => authenticate(tokenOf(`user-${index}`)));
  await assert.rejects(authenticate(tokenOf('alice')), { code: 503, message: /from this address/ });
  assert.equal(await authenticate(tokenOf('alice', 'https://other.example')), undefined);
  assert.equal(await authenticate('opaque'), undefined);
  assert.equal(issuers()[0]?.discovery(), undefined);
  answer.resolve();
  assert.equal((await Promise.all(waiting))[127], `${issuer.url}#user-127`);
  await eventuallyPasses(check.check);
  assert.deepEqual(
    issuers().map(one => [one.url, one.clientId, one.discovery()]),
    [[issuer.url, 'gateway', issuer.metadata]],
  );
  assert.equal(await authenticate(tokenOf('alice')), `${issuer.url}#alice`);
});

it('an issuer of a file may have its authorities there, and sign with any algorithm', async t => {
  const issuer = await startIssuer(t);
  const elliptic = createOidcSigner('two', 'ES256');
  issuer.jwks = { keys: [signer.jwk, elliptic.jwk] };
  const entry = {
    issuer: { url: issuer.url, audiences: ['gateway'], certificateAuthority: authority.certificate },
    claimMappings: { username: { claim: 'sub', prefix: 'a:' } },
  };
  const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' };
  const file = JSON.stringify({ ...head, jwt: [entry] });
  const { authenticate } = await start(t, {}, 'authentication-config', file);
  assert.equal(await authenticate(elliptic.sign({ ...claims, iss: issuer.url, sub: 'alice' })), 'a:alice');
});

it('no issuer names a service account', async t => {
  const issuer = await startIssuer(t);
  const flags = { 'oidc-issuer-url': issuer.url, 'oidc-client-id': 'gateway', 'oidc-username-prefix': '-' };
  const { authenticate } = await start(t, flags, 'oidc-ca-file', authority.certificate);
  const tokenOf = (sub: string) => signer.sign({ ...claims, iss: issuer.url, sub });
  assert.equal(await authenticate(tokenOf('alice')), 'alice');
  await assert.rejects(authenticate(tokenOf('system:serviceaccount:kube-system:default')), {
    message: /^user "system:serviceaccount:kube-system:default" is reserved by Kubernetes/,
  });
});
