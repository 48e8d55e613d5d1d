import assert from 'node:assert/strict';
import { before, describe, type TestContext, test } from 'node:test';
import { CredentialError } from '../../../src/credentials/credential.js';
import { askIssuer, createIssuerDispatcher } from '../../../src/credentials/oidc-request.js';
import { createIssuerDial } from '../../../src/transport/dial/issuer-dial.js';
import {
  type CertificateAuthority,
  createCertificateAuthority,
} from '../../support/certificates/certificates.js';
import { type OidcIssuer, startOidcIssuer } from '../../support/identities/oidc-issuer.js';
import {
  type ForwardProxy,
  startConnectProxy,
  startNamingProxy,
} from '../../support/upstreams/forward-proxy.js';

const host = 'issuer.example.test';
const password = 'p@ss of the proxy';

let authority: CertificateAuthority;
before(async () => {
  authority = await createCertificateAuthority();
});

/** An issuer with a name that only the proxy can resolve. */
async function set(t: TestContext): Promise<{ issuer: OidcIssuer; proxy: ForwardProxy }> {
  const issuer = await startOidcIssuer(authority, { host });
  t.after(() => issuer.close());
  const proxy = await startNamingProxy(Number(new URL(issuer.url).port));
  t.after(() => proxy.close());
  return { issuer, proxy };
}

async function ask(
  url: string,
  env: Readonly<Record<string, string>>,
  trusted = authority.certificate,
): Promise<number> {
  const dispatcher = createIssuerDispatcher(createIssuerDial(env), Buffer.from(trusted));
  const address = new URL(`${url}/.well-known/openid-configuration`);
  try {
    return (await askIssuer(address, { dispatcher, signal: new AbortController().signal })).status;
  } finally {
    await dispatcher.destroy();
  }
}

describe('an OpenID Connect issuer', () => {
  test('is reached through the proxy of HTTPS_PROXY, which gets the proxy’s own credentials', async t => {
    const { issuer, proxy } = await set(t);
    const credentials = `team:${encodeURIComponent(password)}`;
    for (const name of ['HTTPS_PROXY', 'https_proxy']) {
      assert.equal(await ask(issuer.url, { [name]: `http://${credentials}@127.0.0.1:${proxy.port}` }), 200);
    }
    assert.equal(issuer.discoveries, 2);
    const target = new URL(issuer.url).host;
    assert.deepEqual(
      proxy.requests.map(request => [request.target, request.credentials]),
      Array(2).fill([target, { username: 'team', password }]),
    );
  });

  test('is verified through the proxy too', async t => {
    const { issuer, proxy } = await set(t);
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    const other = await createCertificateAuthority();
    await assert.rejects(ask(issuer.url, env, other.certificate), /signed by an unknown authority/);
    const misnamed = issuer.url.replace(host, 'other.example.test');
    await assert.rejects(ask(misnamed, env), /its certificate is not for this name/);
    assert.equal(issuer.discoveries, 0);
  });

  test('is not reachable if the proxy rejects the request, and the error does not show the password', async t => {
    const { issuer } = await set(t);
    const proxy = await startConnectProxy({ credentials: { username: 'team', password: 'another' } });
    t.after(() => proxy.close());
    const env = { HTTPS_PROXY: `http://team:${encodeURIComponent(password)}@127.0.0.1:${proxy.port}` };
    await assert.rejects(ask(issuer.url, env), (error: Error) => {
      const { message } = error;
      assert.ok(error instanceof CredentialError);
      assert.match(message, /^the OpenID Connect issuer at .*: the proxy 127\.0\.0\.1:\d+ refused .*407/);
      return !message.includes(password) && !message.includes('another');
    });
    await assert.rejects(
      ask(issuer.url, { HTTPS_PROXY: 'http://127.0.0.1:1' }),
      /the proxy 127\.0\.0\.1:1 cannot be used: connection refused/,
    );
  });

  test('is not reachable if the proxy URL is invalid; no request bypasses the proxy', async t => {
    const { issuer } = await set(t);
    await assert.rejects(
      ask(issuer.url, { HTTPS_PROXY: 'ftp://proxy.example' }),
      /HTTPS_PROXY has the scheme ftp:/,
    );
    assert.equal(issuer.discoveries, 0);
  });
});
