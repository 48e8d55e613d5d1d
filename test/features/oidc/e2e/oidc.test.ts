import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bothLegs, passed, probe } from '../../../e2e/credential-probe.js';
import { assertStatus } from '../../../e2e/leg.js';
import { createCertificateAuthority } from '../../../support/certificates/certificates.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { eventually } from '../../../support/eventually.js';
import { startOidcIssuer } from '../../../support/identities/oidc-issuer.js';
import { compactJwt, createOidcSigner } from '../../../support/identities/oidc-signer.js';
import { twoUsersRules } from '../../../support/identities/two-users.js';
import { startInProcess, startUpProblems } from '../../../support/proxy/in-process.js';
import { startGateway } from '../../../support/proxy/stack.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const server = await embeddedApiServer({ after });
const authority = await createCertificateAuthority();
const signer = createOidcSigner('one');

test('callers with an id-token act under the name and groups of its claims', async t => {
  const caFile = join(temporaryFolder(), 'ca.crt');
  await writeFile(caFile, authority.certificate);
  const issuer = await startOidcIssuer(authority);
  t.after(() => issuer.close());
  issuer.jwks = { keys: [signer.jwk] };
  const { proxy } = await startGateway(t, {
    ...{ run: startInProcess, server },
    flags: [
      ...[`--oidc-issuer-url=${issuer.url}`, '--oidc-client-id=gateway', `--oidc-ca-file=${caFile}`],
      ...['--oidc-groups-claim=groups', '--oidc-groups-prefix=oidc:', '--oidc-required-claim=hd=example.com'],
    ],
  });
  await server.grant(`${issuer.url}#alice`, twoUsersRules.alice);
  const exp = Math.floor(Date.now() / 1000) + 300;
  const claims = (more: object = {}) => ({ iss: issuer.url, aud: 'gateway', sub: 'alice', exp, ...more });
  await eventually('the keys', () => /fetched the keys of the OpenID Connect issuer/.test(proxy.stderr()));
  const good = signer.sign(claims({ groups: ['dev', 'system:masters'], hd: 'example.com' }));
  for (const leg of bothLegs) {
    const ask = (token: string) => probe(proxy, server, leg, { headers: [`Authorization: Bearer ${token}`] });
    const { code, arrived, answer } = await ask(good);
    assert.equal(code, passed(leg), answer.raw);
    assert.deepEqual(arrived.at(-1)?.impersonated, {
      username: `${issuer.url}#alice`,
      groups: ['oidc:dev', 'oidc:system:masters', 'system:authenticated'],
    });
    for (const [what, token] of [
      ['another client', signer.sign(claims({ aud: 'other', hd: 'example.com' }))],
      ['a claim that is missing', signer.sign(claims())],
      ['expired', signer.sign(claims({ hd: 'example.com', exp: exp - 301 }))],
      ['another issuer', signer.sign(claims({ hd: 'example.com', iss: 'https://x.example' }))],
      ['alg none', compactJwt({ alg: 'none' }, claims({ hd: 'example.com' }), '')],
      ['not even a JWT', 'opaque'],
    ] as const) {
      const found = await ask(token);
      assert.match(assertStatus(found.answer, 401, what), /^Unauthorized: /);
      assert.equal(found.arrived.length, 0, what);
      assert.ok(!proxy.stderr().includes(token));
    }
  }
  assert.ok(!proxy.stderr().includes(good));
  await eventually('the reason', () => /unexpected \\"aud\\" claim value/.test(proxy.stderr()));
});

test('an issuer without a client is reported alone, although there is no kubeconfig either', async () => {
  const env = { HOME: temporaryFolder() };
  const problems = await startUpProblems(['--oidc-issuer-url=https://issuer.example'], env);
  assert.match(problems.join('\n'), /^.*--oidc-client-id.*$/);
});
