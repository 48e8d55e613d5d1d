import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { assertEnded, assertRunning } from '../../apiserver/client-process.js';
import { test } from '../../apiserver/kubectl-stack.js';
import { StreamGateway } from '../../apiserver/stream-gateway.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { seen } from '../../support/clients/kubectl.js';
import { eventually } from '../../support/eventually.js';
import { startOidcIssuer } from '../../support/identities/oidc-issuer.js';
import { createOidcSigner } from '../../support/identities/oidc-signer.js';
import { replaceFile } from '../../support/replaced-file.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** An issuer, and the file of issuers that names it. */
async function startIssuer(t: TestContext) {
  const authority = await createCertificateAuthority();
  const issuer = await startOidcIssuer(authority);
  t.after(() => issuer.close());
  const signer = createOidcSigner('key');
  issuer.jwks = { keys: [signer.jwk] };
  const file = join(temporaryFolder(), 'issuers.yaml');
  const write = (...jwt: readonly object[]) =>
    replaceFile(
      file,
      JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt }),
    );
  await write({
    issuer: { url: issuer.url, audiences: ['gateway'], certificateAuthority: authority.certificate },
    claimMappings: { username: { claim: 'sub', prefix: '' } },
  });
  const token = (sub: string, exp: number) => signer.sign({ iss: issuer.url, aud: 'gateway', sub, exp });
  return { file, write, token };
}

for (const grace of [0, 10]) {
  test(`every stream of kubectl ends ${grace} s after its ID token has expired`, async (t, server) => {
    const { file, token } = await startIssuer(t);
    const user = `ann-${randomUUID()}`;
    const gateway = await StreamGateway.start(t, server, [
      `--authentication-config=${file}`,
      `--end-streams-at-expiry=${grace}s`,
      // Then watches share one with those of the renewed token.
      ...(grace > 0 ? ['--share-watches'] : []),
    ]);
    await gateway.bind(user);
    const seconds = () => Math.floor(Date.now() / 1000);
    const began = seconds();
    const renewed = await gateway.openWatch([`--token=${token(user, began + 1200)}`]);
    // A busy machine needs longer to open them all.
    const expires = seconds() + 20 + 10 * (seconds() - began);
    const streams = await gateway.openAll([`--token=${token(user, expires)}`]);
    assert.ok(Date.now() / 1000 < expires, 'all of them began in time');
    await assertEnded(streams, /the credential that this stream began with has expired/);
    const lines = () => gateway.proxy.log().filter(({ endedBy }) => endedBy === 'expiry');
    await eventually('each stream has its line', () => lines().length === streams.length);
    for (const { time, path } of lines()) {
      const late = Number(time) / 1000 - expires - grace;
      assert.ok(late >= 0, `${path} ended ${-late} s too early`);
    }
    const event = seen(renewed.child, /pod\/web/);
    await gateway.touch();
    await event;
  });
}

test('every stream of kubectl ends after its issuer is out of the file of issuers, or its authority out of the CA file', async (t, server) => {
  const [{ file, token, write }, clients, others] = await Promise.all([
    startIssuer(t),
    createCertificateAuthority({ commonName: 'clients' }),
    createCertificateAuthority({ commonName: 'others' }),
  ]);
  const folder = temporaryFolder();
  const ca = join(folder, 'clients.crt');
  await replaceFile(ca, clients.certificate + others.certificate);
  const [ann, bob, carl] = ['ann', 'bob', 'carl'].map(name => `${name}-${randomUUID()}`) as [
    string,
    string,
    string,
  ];
  const gateway = await StreamGateway.start(t, server, [
    ...[`--authentication-config=${file}`, `--client-ca-file=${ca}`],
    ...['--recheck-streams=10s', '--share-watches'],
  ]);
  const certificateOf = async (name: string, authority: typeof clients) => {
    const { certificate, key } = await authority.client({ commonName: name, organizations: [] });
    const paths = [join(folder, `${name}.crt`), join(folder, `${name}.key`)] as const;
    await Promise.all([writeFile(paths[0], certificate), writeFile(paths[1], key)]);
    return [`--client-certificate=${paths[0]}`, `--client-key=${paths[1]}`];
  };
  await Promise.all([ann, bob, carl].map(user => gateway.bind(user)));
  const ofAnn = await gateway.openAll([`--token=${token(ann, Math.floor(Date.now() / 1000) + 600)}`]);
  const ofBob = await gateway.openAll(await certificateOf(bob, clients));
  const ofCarl = await gateway.openAll(await certificateOf(carl, others));
  await Promise.all([write(), replaceFile(ca, others.certificate)]);
  await assertEnded([...ofAnn, ...ofBob], /no longer accepts the credential/);
  const ends = () => gateway.proxy.log().filter(({ endedBy }) => endedBy === 'caller');
  await eventually('each stream has its line', () => ends().length === ofAnn.length + ofBob.length);
  assert.deepEqual(new Set(ends().map(({ user }) => user)), new Set([ann, bob]));
  assertRunning(ofCarl);
});
