import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bothLegs, passed, probe } from '../e2e/credential-probe.js';
import { assertStatus, send } from '../e2e/leg.js';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { eventually } from '../support/eventually.js';
import { startOidcIssuer } from '../support/identities/oidc-issuer.js';
import { createOidcSigner } from '../support/identities/oidc-signer.js';
import { startGateway } from '../support/proxy/stack.js';
import { startSigningIssuer } from './signing-issuer.js';

test('tokens of a file, of an issuer and of the cluster work together, and each one is asked of its own method', async t => {
  const { flags, sign } = await startSigningIssuer(t, await createCertificateAuthority());
  const { server, tokens, proxy } = await startGateway(t, {
    tokenFile: 'file-token,alice,,\n',
    flags: [...flags, '--authentication-token-webhook', '--oidc-username-prefix=-'],
  });
  await eventually('the keys', () => /fetched the keys/.test(proxy.stderr()));
  const ofCluster = sign({ iss: 'https://kubernetes.default.svc' });
  const expired = sign({ exp: 1 });
  for (const token of [ofCluster, expired]) tokens[token] = { username: 'alice' };
  for (const leg of bothLegs) {
    const ask = (token: string) => probe(proxy, server, leg, { headers: [`Authorization: Bearer ${token}`] });
    for (const token of ['file-token', ofCluster, sign({})]) {
      const { code, arrived } = await ask(token);
      assert.equal(code, passed(leg));
      assert.equal(arrived.at(-1)?.headers['impersonate-user'], 'alice');
    }
    // A bad token of this issuer is rejected, and no other method is tried.
    assertStatus((await ask(expired)).answer, 401, leg);
  }
});

test('an issuer that is down at the start leaves the gateway ready for callers of other methods; its own callers get the reason at once, and no client repeats that', async t => {
  const gone = await startOidcIssuer(await createCertificateAuthority());
  await gone.close();
  const flags = [`--oidc-issuer-url=${gone.url}`, '--oidc-client-id=gateway'];
  const token = createOidcSigner('one').sign({ iss: gone.url, aud: 'gateway', sub: 'alice', exp: 4e9 });
  const reason = `there are no keys of the OpenID Connect issuer ${gone.url} yet, so its tokens get 503: .*connection refused`;
  for (const others of [{ tokenFile: 'file-token,alice,,\n' }, {}]) {
    const { proxy, server, port } = await startGateway(t, { flags, ...others });
    await eventually('the issuer has failed', () => /cannot fetch the keys/.test(proxy.stderr()));
    const { code, body } = await send(port, { target: '/-/readyz?verbose' });
    assert.match(body, new RegExp(`^warn: ${reason}$`, 'm'));
    if ('tokenFile' in others) {
      assert.equal(code, 200);
      assert.doesNotMatch(body, /^\[-\]|oidc ok/m);
    } else {
      assert.equal(code, 500);
      assert.match(body, new RegExp(`^\\[-\\]oidc failed: ${reason}$`, 'm'));
    }
    for (const leg of bothLegs) {
      const ask = (token: string) =>
        probe(proxy, server, leg, { headers: [`Authorization: Bearer ${token}`] });
      if ('tokenFile' in others) assert.equal((await ask('file-token')).code, passed(leg));
      const { answer } = await ask(token);
      assert.match(assertStatus(answer, 503, leg), /the OpenID Connect issuer does not answer this proxy/);
      assert.equal(answer.headers.has('retry-after'), false);
    }
  }
});
