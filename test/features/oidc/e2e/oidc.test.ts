import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { bothLegs, health, passed, probe } from '../../../e2e/credential-probe.js';
import { assertStatus } from '../../../e2e/leg.js';
import { anyApiServer, embedded } from '../../../support/any-api-server.js';
import { createCertificateAuthority } from '../../../support/certificates/certificates.js';
import { eventually } from '../../../support/eventually.js';
import { startOidcIssuer } from '../../../support/identities/oidc-issuer.js';
import { compactJwt, createOidcSigner } from '../../../support/identities/oidc-signer.js';
import { twoUsersRules } from '../../../support/identities/two-users.js';
import { startGateway } from '../../../support/proxy/gateway.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { runProgram } from '../../../support/proxy/proxy.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { startNamingProxy } from '../../../support/upstreams/forward-proxy.js';

const server = await anyApiServer({ after });
const authority = await createCertificateAuthority();
const signer = createOidcSigner('one');

/** A gateway that accepts tokens of an issuer, whose alice has the rights of alice. */
async function start(
  t: TestContext,
  args: readonly string[] = [],
  { tokenFile, host }: { readonly tokenFile?: string; readonly host?: string } = {},
) {
  const folder = temporaryFolder();
  const caFile = join(folder, 'ca.crt');
  await writeFile(caFile, authority.certificate);
  const issuer = await startOidcIssuer(authority, host === undefined ? {} : { host });
  t.after(() => issuer.close());
  const naming = host === undefined ? undefined : await startNamingProxy(Number(new URL(issuer.url).port));
  t.after(() => naming?.close());
  issuer.jwks = { keys: [signer.jwk] };
  const gateway = await startGateway(t, {
    run: startInProcess,
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(naming === undefined ? {} : { env: { HTTPS_PROXY: `http://127.0.0.1:${naming.port}` } }),
    args: [
      ...[`--oidc-issuer-url=${issuer.url}`, '--oidc-client-id=gateway', `--oidc-ca-file=${caFile}`],
      ...args,
    ],
    server,
  });
  await server.grant(`${issuer.url}#alice`, twoUsersRules.alice);
  const claims = (more: object = {}) => ({
    iss: issuer.url,
    aud: 'gateway',
    sub: 'alice',
    exp: Math.floor(Date.now() / 1000) + 300,
    ...more,
  });
  return { ...gateway, caFile, issuer, claims };
}

function bearer(token: string): string[] {
  return [`Authorization: Bearer ${token}`];
}

describe('callers with an id-token', { concurrency: 3 }, () => {
  test('act under the name and groups of its claims', async t => {
    const { proxy, claims, issuer } = await start(t, [
      ...['--oidc-groups-claim=groups', '--oidc-groups-prefix=oidc:', '--oidc-required-claim=hd=example.com'],
    ]);
    await eventually('the keys', () => /fetched the keys of the OpenID Connect issuer/.test(proxy.stderr()));
    const good = signer.sign(claims({ groups: ['dev', 'system:masters'], hd: 'example.com' }));
    for (const leg of bothLegs) {
      const { code, arrived, answer } = await probe(proxy, server, leg, { headers: bearer(good) });
      assert.equal(code, passed(leg), answer.raw);
      assert.deepEqual(arrived.at(-1)?.impersonated, {
        username: `${issuer.url}#alice`,
        groups: ['oidc:dev', 'oidc:system:masters', 'system:authenticated'],
      });
      for (const [what, token, expected] of [
        ['another client', signer.sign(claims({ aud: 'other', hd: 'example.com' })), 401],
        ['a claim that is missing', signer.sign(claims()), 401],
        ['expired', signer.sign(claims({ hd: 'example.com', exp: Math.floor(Date.now() / 1000) - 1 })), 401],
        ['another issuer', signer.sign(claims({ hd: 'example.com', iss: 'https://x.example' })), 401],
        ['alg none', compactJwt({ alg: 'none' }, claims({ hd: 'example.com' }), ''), 401],
        ['not even a JWT', 'opaque', 401],
      ] as const) {
        const found = await probe(proxy, server, leg, { headers: bearer(token) });
        assert.match(assertStatus(found.answer, expected, what), /^Unauthorized: /);
        assert.equal(found.arrived.length, 0, what);
        assert.ok(!proxy.stderr().includes(token));
      }
    }
    assert.ok(!proxy.stderr().includes(good));
    await eventually('the reason', () => /unexpected \\"aud\\" claim value/.test(proxy.stderr()));
  });

  test('do not send it to the API server', embedded, async t => {
    const { proxy, claims } = await start(t);
    const token = signer.sign(claims());
    for (const leg of bothLegs) {
      const { code, arrived } = await probe(proxy, server.embedded, leg, { headers: bearer(token) });
      assert.equal(code, passed(leg));
      assert.ok(!arrived.at(-1)?.rawHeaders.join().includes(token));
    }
  });

  test('of an issuer that is reachable only through HTTPS_PROXY are accepted', async t => {
    const { proxy, claims } = await start(t, [], { host: 'issuer.example.test' });
    await eventually('the keys', () => /fetched the keys/.test(proxy.stderr()));
    const token = signer.sign(claims());
    for (const leg of bothLegs) {
      const { code, answer } = await probe(proxy, server, leg, { headers: bearer(token) });
      assert.equal(code, passed(leg), answer.raw);
    }
  });

  test('in a group that Kubernetes reserves get a 403', async t => {
    const { proxy, claims } = await start(t, ['--oidc-groups-claim=groups']);
    await eventually('the keys', () => /fetched the keys/.test(proxy.stderr()));
    for (const group of ['system:masters', 'kubeadm:cluster-admins']) {
      const token = signer.sign(claims({ groups: [group] }));
      for (const leg of bothLegs) {
        const { answer, arrived } = await probe(proxy, server, leg, { headers: bearer(token) });
        assert.match(assertStatus(answer, 403, leg), RegExp(`group "${group}" is reserved by Kubernetes`));
        assert.equal(arrived.length, 0);
      }
    }
  });

  test('get a 503 until the issuer is reachable, and the program starts without it', async t => {
    const { proxy, claims, issuer } = await start(t, [], {
      tokenFile: 'file-token,alice,,\n',
    });
    const port = Number(new URL(issuer.url).port);
    await issuer.close();
    const again = await startGateway(t, {
      run: startInProcess,
      server,
      tokenFile: 'file-token,alice,,\n',
      args: [`--oidc-issuer-url=${issuer.url}`, '--oidc-client-id=gateway'],
    });
    await eventually('the line', () => /cannot fetch the keys/.test(again.proxy.stderr()));
    const token = signer.sign(claims());
    for (const leg of bothLegs) {
      const as = (text: string) => probe(again.proxy, server, leg, { headers: bearer(text) });
      const { answer, arrived } = await as(token);
      assert.match(assertStatus(answer, 503, leg), /the OpenID Connect issuer does not answer; try again/);
      assert.match(answer.headers.get('retry-after') ?? '', /^([1-9]|10)$/);
      assert.equal(arrived.length, 0);
      assert.equal((await as('file-token')).code, passed(leg));
      // Tokens that are not of the issuer are still rejected.
      assert.equal((await as('opaque')).code, 401);
    }
    const { status, text } = await health(again.proxy, 'readyz');
    assert.equal(status, 500);
    assert.match(text, /\[-\]oidc failed: .*connection refused\n/);
    // The first process had the keys before, or gets them when the issuer is up again.
    const back = await startOidcIssuer(authority, { port });
    t.after(() => back.close());
    back.jwks = { keys: [signer.jwk] };
    await eventually(
      'the keys',
      async () => (await probe(proxy, server, 'plain', { headers: bearer(token) })).code === 200,
    );
  });
});

describe('wrong options for an issuer', () => {
  test('are reported at start, all at once', async () => {
    const { code, stderr } = await runProgram([
      '--server=https://127.0.0.1:1',
      '--oidc-issuer-url=http://issuer.example',
      '--oidc-signing-algs=HS256',
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /--oidc-issuer-url and --oidc-client-id must be set together/);
    assert.match(stderr, /--oidc-issuer-url: "http:\/\/issuer\.example" is not https/);
    assert.match(stderr, /--oidc-signing-algs: "HS256" is not one of/);
  });
});
