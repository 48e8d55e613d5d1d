import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bothLegs, health, probe } from '../../../e2e/credential-probe.js';
import { createCertificateAuthority } from '../../../support/certificates/certificates.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { ask as askOverHttp2, connectHttp2 } from '../../../support/clients/http2-client.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { hasTls } from '../../../support/proxy/encrypted.js';
import { startGateway } from '../../../support/proxy/stack.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { startSigningIssuer } from '../../../together/signing-issuer.js';

const seconds = () => Math.floor(Date.now() / 1000);
const authority = await createCertificateAuthority();

/** An issuer whose key has the name `one`, with the entry of a file that gives its users this prefix. */
async function startIssuer(t: TestContext, audience: string) {
  const { issuer, signer } = await startSigningIssuer(t, authority, audience);
  const claims = (more: object = {}) => ({
    ...{ iss: issuer.url, aud: audience, sub: 'alice', exp: seconds() + 300, ...more },
  });
  const entry = (more: object = {}) => ({
    issuer: { url: issuer.url, audiences: [audience], certificateAuthority: authority.certificate },
    claimMappings: { username: { claim: 'sub', prefix: `${audience}:` } },
    ...more,
  });
  return { issuer, signer, claims, entry };
}

test('callers with ID tokens act under the name that their own issuer gives them, and no token deceives the gateway', async t => {
  const [a, b] = await Promise.all([startIssuer(t, 'a'), startIssuer(t, 'b')]);
  const claimValidationRules = [{ expression: 'claims.?n.orValue(1) == 1' }];
  const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' };
  const file = join(temporaryFolder(), 'config.yaml');
  await writeFile(file, JSON.stringify({ ...head, jwt: [a.entry(), b.entry({ claimValidationRules })] }));
  const flags = [`--authentication-config=${file}`];
  const { proxy, server } = await startGateway(t, { flags });
  const ask = (leg: (typeof bothLegs)[number], token: string) =>
    probe(proxy, server, leg, { headers: [`Authorization: Bearer ${token}`] });
  await eventuallyPasses(async () => {
    const { text } = await health(proxy, 'readyz');
    assert.match(text, /\[\+\]oidc ok\n/);
    // An issuer without keys has a line.
    assert.doesNotMatch(text, /warn:/);
  });
  // test/features/oidc/ has all tokens that are rejected.
  const attacks: readonly (readonly [what: string, token: string])[] = [
    ['a token of A with the name of B', a.signer.sign(b.claims())],
    ['an audience of the other issuer', a.signer.sign(a.claims({ aud: 'b' }))],
    ['not even a JWT', 'opaque'],
    ['an expression that is false', b.signer.sign(b.claims({ n: 2 }))],
  ];
  for (const leg of bothLegs) {
    for (const [issuer, name] of [
      [a, 'a:alice'],
      [b, 'b:alice'],
    ] as const) {
      const { code, arrived, answer } = await ask(leg, issuer.signer.sign(issuer.claims({ jti: 't-1' })));
      // The embedded API server gives these users no rights.
      assert.deepEqual([code, arrived.at(-1)?.headers['impersonate-user']], [403, name], answer.raw);
    }
    for (const [what, token] of attacks) {
      const { code, arrived } = await ask(leg, token);
      assert.equal(code, 401, `${what}, ${leg}`);
      assert.equal(arrived.length, 0, what);
      assert.ok(!proxy.stderr().includes(token), what);
    }
  }

  if (!hasTls) return;
  const files = await createServingFiles();
  const secure = await startGateway(t, { flags: [...flags, ...files.flags] });
  const session = await connectHttp2(secure.proxy.port, files.authority.certificate);
  t.after(() => session.destroy());
  const statusFor = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await askOverHttp2(session, '/api/v1/namespaces', { headers })).status;
  };
  await eventuallyPasses(async () => assert.equal(await statusFor(b.signer.sign(b.claims())), 403));
  for (const [what, token] of attacks) assert.equal(await statusFor(token), 401, `${what}, HTTP/2`);
});
