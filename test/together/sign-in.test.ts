import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { send } from '../support/clients/http-client.js';
import { until } from '../support/eventually.js';
import { startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startProxyFor } from '../support/proxy/proxy.js';
import { type Run, startGateway } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { startSigningIssuer } from './signing-issuer.js';

const server = await startFakeApiServer();
after(() => server.kill());
const authority = await createCertificateAuthority();

/** A gateway whose issuer has this in its discovery document. The page's policy and the answer of /-/sign-in are what a stranger gets. */
async function start(
  t: TestContext,
  {
    flags = ['--explorer-sign-in'],
    discovery = {},
    hold,
    run = startProxyFor,
  }: {
    readonly flags?: readonly string[];
    readonly discovery?: Readonly<Record<string, unknown>>;
    readonly hold?: Promise<void>;
    /** In this process there are no files of the page. */
    readonly run?: Run;
  } = {},
) {
  const { issuer, flags: ofIssuer } = await startSigningIssuer(t, authority);
  const authorization_endpoint = 'https://login.example/authorize';
  Object.assign(issuer.metadata, { authorization_endpoint }, discovery);
  if (hold !== undefined) issuer.hold(hold);
  const { proxy } = await startGateway(t, { run, server, flags: [...ofIssuer, ...flags] });
  const { port } = proxy;
  const offer = async () => {
    const { json } = await send(port, '/-/sign-in');
    return json as { readonly page?: string; readonly issuers: readonly Record<string, unknown>[] };
  };
  const sources = async () => {
    const { headers } = await send(port, '/-/ui/');
    return /connect-src ([^;]*)/.exec(headers['content-security-policy'] as string)?.[1]?.split(' ');
  };
  /** What the kubeconfig asks for besides `openid`. */
  const extraScopes = async () => {
    const { text } = await send(port, '/-/kubeconfig');
    return { scopes: [...text.matchAll(/--oidc-extra-scope=(\w+)/g)].map(([, scope]) => scope), text };
  };
  const ready = () => until(async () => (await send(port, '/-/readyz?verbose')).text.includes('[+]oidc ok'));
  return { proxy, port, issuer, offer, sources, extraScopes, ready };
}

describe('/-/sign-in', () => {
  it('has the address of the page and the scopes that flags say', async t => {
    const { offer, extraScopes, ready } = await start(t, {
      run: startInProcess,
      flags: [
        ...['--explorer-sign-in', '--sign-in-scopes=email,custom'],
        '--public-url=https://gw.example/prefix/',
      ],
    });
    await ready();
    const { page, issuers } = await offer();
    assert.equal(page, 'https://gw.example/prefix/-/ui/');
    assert.deepEqual(issuers[0]?.['scopes'], ['openid', 'email', 'custom']);
    assert.deepEqual((await extraScopes()).scopes, ['email', 'custom']);
  });

  it('names no issuer without --explorer-sign-in, and is away with the page', async t => {
    const { offer, sources, ready } = await start(t, { flags: [] });
    await ready();
    assert.deepEqual(await offer(), { issuers: [] });
    assert.deepEqual(await sources(), ["'self'"]);
    const { port } = await start(t, { run: startInProcess, flags: ['--explorer=false'] });
    assert.equal((await send(port, '/-/sign-in')).status, 401);
  });

  it('names an issuer only when its discovery document has been read, and then its client and scopes to a stranger, and nothing else', async t => {
    let release = () => {};
    const hold = new Promise<void>(resolve => {
      release = resolve;
    });
    const { port, issuer, offer, sources, extraScopes, ready } = await start(t, {
      flags: ['--explorer-sign-in', '--public-url=https://gw.example'],
      discovery: { scopes_supported: ['openid', 'groups', 'phone', 7] },
      hold,
    });
    await until(() => issuer.discoveries > 0);
    const page = 'https://gw.example/-/ui/';
    assert.deepEqual(await offer(), { page, issuers: [] });
    assert.deepEqual(await sources(), ["'self'"]);
    const before = await extraScopes();
    assert.deepEqual(before.scopes, []);
    assert.match(before.text, new RegExp(`^# The issuer ${issuer.url} has not answered the proxy yet`, 'm'));
    const etag = (await send(port, '/-/ui/')).headers.etag as string;
    release();
    await ready();
    const own = { issuer: issuer.url, clientId: 'gateway', redirectPath: '/-/ui/' };
    assert.deepEqual(await offer(), { page, issuers: [{ ...own, scopes: ['openid', 'groups'] }] });
    const { headers } = await send(port, '/-/sign-in');
    assert.match(headers['content-type'] as string, /^application\/json/);
    assert.equal(headers['cache-control'], 'no-store');
    const after = await extraScopes();
    assert.deepEqual(after.scopes, ['groups']);
    assert.doesNotMatch(after.text, /has not answered/);
    assert.deepEqual(await sources(), ["'self'", new URL(issuer.url).origin]);
    // A browser that has the page from before gets the new policy.
    assert.equal((await send(port, '/-/ui/', { headers: { 'If-None-Match': etag } })).status, 200);
  });
});

it('a code and its state are in no line of the log, and redacted in the audit log, wherever the browser lands', async t => {
  const folder = temporaryFolder();
  const path = join(folder, 'audit.log');
  const { proxy, port } = await start(t, {
    flags: ['--explorer-sign-in', '-v=9', '--log-requests=all', `--audit-log-path=${path}`],
  });
  const query = 'code=S3CRET&state=S3CRET&iss=https%3A%2F%2Flogin.example';
  for (const target of [
    ...['/-/ui/', '/-/ui', '/-/ui/x', '/-/', '/', '/api/v1/pods', '/clusters/x/', '/callback'],
  ]) {
    await send(port, `${target}?${query}`, { headers: { Authorization: 'Bearer x' } });
    await send(port, `${target}?x&%63ode=S3CRET`);
  }
  await until(async () =>
    (await readFile(path, 'utf8')).includes('/callback?code=REDACTED&state=REDACTED&iss='),
  );
  assert.doesNotMatch(await readFile(path, 'utf8'), /S3CRET/);
  await until(() => proxy.stderr().includes('/callback'));
  assert.doesNotMatch(proxy.stderr(), /S3CRET/);
});
