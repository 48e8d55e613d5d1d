import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { Registry } from 'prom-client';
import { digestOf } from '../../../src/authentication/bearer-token.js';
import type { AuthenticationRequest } from '../../../src/authentication/method.js';
import { openIdConnect } from '../../../src/features/oidc/feature.js';
import { Deferred } from '../../../src/lib/promises.js';
import { parseOptions } from '../../../src/options/parse.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { eventuallyPasses, until } from '../../support/eventually.js';
import { createCore } from '../../support/features/core.js';
import { type OidcIssuer, startOidcIssuer } from '../../support/identities/oidc-issuer.js';
import { createOidcSigner } from '../../support/identities/oidc-signer.js';
import { replaceFile } from '../../support/replaced-file.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { ToldPhases } from '../../support/told-phases.js';

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
  const reloads: boolean[] = [];
  const registry = new Registry();
  const count = openIdConnect.metrics(registry);
  const made = await openIdConnect.create(
    parseOptions({ argv, env: {} }).options,
    createCore({ rereadInterval: 5 }),
    isUsable => {
      count(isUsable);
      reloads.push(isUsable);
    },
  );
  if (made === undefined || 'problems' in made) return assert.fail(JSON.stringify(made));
  t.after(made.close);
  made.start();
  const phases = new ToldPhases();
  const authenticate = async (text: string, source = '192.0.2.1') => {
    const token = { text, digest: digestOf(text), source };
    const request = { record: { phases } } as unknown as AuthenticationRequest;
    return (await made.method.authenticator.authenticateToken(token, request))?.username;
  };
  const write = async (text: string) => {
    const { length } = reloads;
    await replaceFile(file, text);
    await until(() => reloads.length > length);
    return reloads.at(-1);
  };
  return {
    ...made.method,
    authenticate,
    phases,
    write,
    registry,
    warnings: () => made.warnings().join('\n'),
  };
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

const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' };
/** An entry of a file, with the authorities of the issuer. */
const entryOf = ({ url }: OidcIssuer, prefix: string, more: object = {}) => ({
  issuer: { url, audiences: ['gateway'], certificateAuthority: authority.certificate },
  claimMappings: { username: { claim: 'sub', prefix } },
  ...more,
});
const fileOf = (...jwt: readonly object[]) => JSON.stringify({ ...head, jwt });

it('an issuer of a file may have its authorities there, and sign with any algorithm', async t => {
  const issuer = await startIssuer(t);
  const elliptic = createOidcSigner('two', 'ES256');
  issuer.jwks = { keys: [signer.jwk, elliptic.jwk] };
  const { authenticate, phases } = await start(t, {}, 'authentication-config', fileOf(entryOf(issuer, 'a:')));
  const token = elliptic.sign({ ...claims, iss: issuer.url, sub: 'alice' });
  assert.deepEqual(await Promise.all([authenticate(token), authenticate(token)]), ['a:alice', 'a:alice']);
  phases.assertOneForTwo('authentication');
});

it('a file that changes counts at once: a broken one changes nothing, and a removed issuer is unknown', async t => {
  const [a, b] = [await startIssuer(t), await startIssuer(t)];
  const [ofA, ofB] = [a, b].map(({ url }) => signer.sign({ ...claims, iss: url, sub: 'alice' }));
  const both = fileOf(entryOf(a, 'a:'), entryOf(b, 'b:'));
  const { authenticate, write, warnings, registry } = await start(t, {}, 'authentication-config', both);
  const users = async () => [await authenticate(ofA as string), await authenticate(ofB as string)];
  assert.deepEqual(await users(), ['a:alice', 'b:alice']);
  const secret = [{ expression: 'claims.team == url("some-secret")' }];
  for (const [text, warning] of [
    [
      fileOf(entryOf(a, ''), entryOf(a, '')),
      /jwt\[1\]\.issuer\.url is that of another entry; the last valid/,
    ],
    [
      fileOf(entryOf(a, '', { claimValidationRules: secret })),
      /:1: jwt\[0\]\.claimValidationRules\[0\]\.expression cannot be used; the last/,
    ],
    ['{', /the last valid/],
  ] as const) {
    assert.equal(await write(text), false);
    assert.match(warnings(), warning);
    assert.doesNotMatch(warnings(), /some-secret|claims\.team/);
    assert.deepEqual(await users(), ['a:alice', 'b:alice']);
  }
  const { discoveries } = b;
  assert.equal(await write(fileOf(entryOf(b, 'b:'))), true);
  assert.deepEqual([await users(), warnings()], [[undefined, 'b:alice'], '']);
  assert.equal(b.discoveries, discoveries, 'an entry that has not changed keeps its keys');
  await write(fileOf());
  assert.deepEqual(await users(), [undefined, undefined]);
  assert.match(warnings(), /has no jwt entries/);
  const metrics = await registry.metrics();
  assert.match(metrics, /result="success"\} 2\n.*result="failure"\} 3\n/);
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
