import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { bothLegs, health, probe } from '../../../e2e/credential-probe.js';
import { createCertificateAuthority } from '../../../support/certificates/certificates.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { send } from '../../../support/clients/http-client.js';
import { ask as askOverHttp2, connectHttp2 } from '../../../support/clients/http2-client.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import { startOidcIssuer } from '../../../support/identities/oidc-issuer.js';
import { compactJwt, createOidcSigner, type OidcSigner } from '../../../support/identities/oidc-signer.js';
import { hasTls } from '../../../support/proxy/encrypted.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startGateway } from '../../../support/proxy/stack.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const seconds = () => Math.floor(Date.now() / 1000);

const authority = await createCertificateAuthority();
const signers = [createOidcSigner('one'), createOidcSigner('one')] as const;

/** Two issuers that both have a key of the name `one`, and a gateway with a file that has both. */
async function start(t: TestContext) {
  const file = join(temporaryFolder(), 'config.yaml');
  const startIssuer = async (audience: string, signer: OidcSigner) => {
    const issuer = await startOidcIssuer(authority);
    t.after(() => issuer.close());
    issuer.jwks = { keys: [signer.jwk] };
    const claims = (more: object = {}) => ({
      ...{ iss: issuer.url, aud: audience, sub: 'alice', exp: seconds() + 300 },
      ...more,
    });
    const entry = (more: object = {}) => ({
      issuer: { url: issuer.url, audiences: [audience], certificateAuthority: authority.certificate },
      claimMappings: { username: { claim: 'sub', prefix: `${audience}:` } },
      ...more,
    });
    return { issuer, signer, claims, entry };
  };
  const [a, b] = await Promise.all([startIssuer('a', signers[0]), startIssuer('b', signers[1])]);
  const writeText = async (text: string) => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  const write = (...jwt: readonly object[]) =>
    writeText(
      JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt }),
    );
  return {
    ...{ a, b, file, write, writeText },
    async open(more: readonly string[] = []) {
      const gateway = await startGateway(t, {
        run: startInProcess,
        flags: [`--authentication-config=${file}`, ...more],
      });
      const ask = async (leg: (typeof bothLegs)[number], token: string) => {
        const { code, arrived, answer } = await probe(gateway.proxy, gateway.server, leg, {
          headers: [`Authorization: Bearer ${token}`],
        });
        return { code, arrived, answer, user: arrived.at(-1)?.headers['impersonate-user'] };
      };
      return { ...gateway, ask };
    },
  };
}

const part = (text: string) => Buffer.from(text).toString('base64url');

function hmac(secret: string, claims: object): string {
  const input = compactJwt({ alg: 'HS256', kid: 'one' }, claims, '').slice(0, -1);
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

describe('callers with ID tokens of several issuers', { concurrency: 2 }, () => {
  test('act under the name that their own issuer gives them, and no token deceives the gateway', async t => {
    const { a, b, write, open } = await start(t);
    const slow = 'dyn(claims.list).all(x, dyn(claims.list).all(y, dyn(claims.list).all(z, x + y + z > 0.0)))';
    await write(
      a.entry(),
      b.entry({
        claimValidationRules: [
          { expression: `!has(claims.list) || ${slow}` },
          { expression: 'claims.?n.orValue(1) == 1' },
        ],
      }),
    );
    const { ask, proxy } = await open();
    await eventuallyPasses(async () =>
      assert.match(
        (await health(proxy, 'readyz')).text,
        /\[\+\]oidc ok\n\[\+\]oidc\/https.* ok\n\[\+\]oidc\/https.* ok\n/,
      ),
    );
    const attacks: readonly (readonly [what: string, token: string])[] = [
      ['a token of A with the name of B', a.signer.sign(b.claims())],
      ['a token of B with the name of A', b.signer.sign(a.claims())],
      ['an audience of the other issuer', a.signer.sign(a.claims({ aud: 'b' }))],
      ['an audience of the other issuer at B', b.signer.sign(b.claims({ aud: 'a' }))],
      ['an issuer that is not configured', a.signer.sign(a.claims({ iss: 'https://c.example' }))],
      ['both issuers', a.signer.sign(a.claims({ iss: [a.issuer.url, b.issuer.url] }))],
      ['an issuer in other letters', a.signer.sign(a.claims({ iss: a.issuer.url.toUpperCase() }))],
      ['an issuer with a slash', a.signer.sign(a.claims({ iss: `${a.issuer.url}/` }))],
      ['no issuer', a.signer.sign(a.claims({ iss: undefined }))],
      ['alg none', compactJwt({ alg: 'none' }, a.claims(), '')],
      ['HS256 by the public key', hmac(a.signer.publicPem, a.claims())],
      ['HS256 by the public key of B', hmac(b.signer.publicPem, b.claims())],
      ['an extension of its header', a.signer.sign(a.claims(), { crit: ['secret-word'] })],
      [
        'a header that is no JSON',
        `${part('{"alg": secret-word}')}.${part(JSON.stringify(a.claims()))}.c2ln`,
      ],
      ['a time that no clock has', a.signer.sign(a.claims({ exp: 1e300 }))],
      ['a nonce that is no text', a.signer.sign(a.claims({ nonce: 7 }))],
      ['groups at a place that it does not name', a.signer.sign(a.claims({ _claim_names: { groups: 'x' } }))],
      [
        'an expression that runs long',
        b.signer.sign(b.claims({ list: Array.from({ length: 200 }, (_, index) => index + 1) })),
      ],
      ['an expression that fails', b.signer.sign(b.claims({ list: 7 }))],
      ['an expression that is false', b.signer.sign(b.claims({ n: 2 }))],
    ];
    for (const leg of bothLegs) {
      for (const [issuer, name] of [
        [a, 'a:alice'],
        [b, 'b:alice'],
      ] as const) {
        const { code, user, answer } = await ask(leg, issuer.signer.sign(issuer.claims({ jti: 't-1' })));
        // The embedded API server gives these users no rights.
        assert.deepEqual([code, user], [403, name], answer.raw);
      }
      for (const [what, token] of attacks) {
        const { code, arrived } = await ask(leg, token);
        assert.equal(code, 401, `${what}, ${leg}`);
        assert.equal(arrived.length, 0, what);
        assert.ok(!proxy.stderr().includes(token), what);
      }
    }
    for (const reason of [/too many steps/, /its header needs what is not supported/])
      await eventually(`the reason ${reason}`, () => reason.test(proxy.stderr()));
    assert.doesNotMatch(proxy.stderr(), /secret-word/);

    if (!hasTls) return;
    const files = await createServingFiles();
    const secure = await open(files.flags);
    const session = await connectHttp2(secure.proxy.port, files.authority.certificate);
    t.after(() => session.destroy());
    const statusFor = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await askOverHttp2(session, '/api/v1/namespaces', { headers })).status;
    };
    await eventuallyPasses(async () => assert.equal(await statusFor(b.signer.sign(b.claims())), 403));
    for (const [what, token] of attacks) assert.equal(await statusFor(token), 401, `${what}, HTTP/2`);
  });

  test('follow the file: a broken one changes nothing, and a removed issuer counts at once', async t => {
    const { a, b, write, writeText, open } = await start(t);
    await write(a.entry(), b.entry());
    const { ask, proxy } = await open();
    const [ofA, ofB] = [a.signer.sign(a.claims()), b.signer.sign(b.claims())];
    for (const leg of bothLegs) {
      assert.equal((await ask(leg, ofA)).user, 'a:alice');
      assert.equal((await ask(leg, ofB)).user, 'b:alice');
    }
    await write(a.entry(), a.entry());
    await eventually('the warning', async () => {
      const { status, text } = await health(proxy, 'readyz');
      return (
        status === 200 &&
        /^warn: --authentication-config: .*jwt\[1\]\.issuer\.url is that of another entry; the last valid/m.test(
          text,
        )
      );
    });
    await write(a.entry({ claimValidationRules: [{ expression: 'claims.team == url("some-secret")' }] }));
    await eventually('the text in the log', () =>
      /\[0\]\.expression cannot be used: .*some-secret/.test(proxy.stderr()),
    );
    const { text: told } = await health(proxy, 'readyz');
    assert.match(
      told,
      /config\.yaml:1: jwt\[0\]\.claimValidationRules\[0\]\.expression cannot be used; the last/,
    );
    assert.doesNotMatch(told, /some-secret|claims\.team/);
    await writeText('{');
    await eventually(
      'the next warning',
      async () => !/cannot be used/.test((await health(proxy, 'readyz')).text),
    );
    await eventually('the error', () =>
      /config cannot be used; the last valid one stays in use/.test(proxy.stderr()),
    );
    for (const leg of bothLegs) assert.equal((await ask(leg, ofB)).user, 'b:alice');
    const discoveries = b.issuer.discoveries;
    await write(b.entry());
    await eventually('the reload', () => /issuers of --authentication-config reloaded/.test(proxy.stderr()));
    for (const leg of bothLegs) {
      assert.equal((await ask(leg, ofA)).code, 401, 'the token was valid a moment ago');
      assert.equal((await ask(leg, ofB)).user, 'b:alice');
    }
    assert.equal(b.issuer.discoveries, discoveries, 'an entry that has not changed keeps its keys');
    const { text } = await send(proxy.port, '/-/metrics', { headers: { authorization: `Bearer ${ofB}` } });
    for (const result of ['success', 'failure'])
      assert.match(text, new RegExp(`authentication_config_reloads_total\\{result="${result}"\\} [1-9]`));
    await write();
    await eventually('the warning', async () =>
      /warn: .* has no jwt entries/.test((await health(proxy, 'readyz')).text),
    );
    for (const leg of bothLegs) assert.equal((await ask(leg, ofB)).code, 401);
  });
});
