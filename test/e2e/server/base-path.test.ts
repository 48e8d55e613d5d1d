import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { ask, connectHttp2 } from '../../support/clients/http2-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { type AttackRequest, legs, send } from '../leg.js';

const secret = randomBytes(16).toString('base64url');
const base = `/${secret}`;
const upstream = await startStrictUpstream(({ target, values }, socket) => {
  const isUpgrade = values('upgrade').length > 0;
  const head = isUpgrade
    ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket'
    : /moved/.test(target)
      ? 'HTTP/1.1 301 Moved Permanently\r\nLocation: /api/v1/pods\r\nContent-Length: 0'
      : 'HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0';
  socket.write(`${head}\r\n\r\n`);
});
const kubeconfig = await upstream.writeKubeconfig();
const flags = [
  ...[`--kubeconfig=${kubeconfig.path}`, '--all-contexts', '--reject-paths=/secrets'],
  ...['--log-requests=all', '--log-level=trace'],
];
after(() => upstream.stop());
const proxy = await startInProcess({ after }, flags, {}, { basePath: base });

/** The answer to everything that is not below the base path. */
const refusal = { ...(await send(proxy.port, { target: '/' })) };

/** Targets that HTTP allows, of somebody who does not know the secret, and of somebody who does and spells it in another way. */
const outside = [
  ...['/', '/api', '/version', '/-/', '/-/metrics', '/-/livez', '/-/readyz', '/-/ui/', '/-/clusters'],
  ...['/-/kubeconfig', '/clusters/', '/clusters/test/api', '*', '/api/../x', '/%zz', '/x\\y', '/#'],
  ...[base.slice(0, -1), `${base}x`, `${base}x/api`, `/${base}/api`, `/s/..${base}/api`, `/.${base}/api`],
  ...[`http://127.0.0.1${base}/api`, `${base}%2fapi`, `${base}\\api`, `${base};/api`],
  ...[
    `/%${secret.charCodeAt(0).toString(16)}${secret.slice(1)}/api`,
    `/-${base}/api`,
    `/clusters${base}/api`,
  ],
  ...[`${base}/-/`, `${base}/-/metrics`, `${base}/-/livez`, `${base}/-/ui/`, `${base}/-/clusters`],
  ...[`${base}/-/none`, `${base}/-/?x`],
];

test('everything that is not below the base path gets one and the same 404, and reaches no API server', async () => {
  assert.equal(refusal.code, 404);
  const before = upstream.requests.length;
  const without = (raw: string) => raw.replace(/^Date: .*\r\n/im, '');
  for (const target of outside)
    for (const leg of ['plain', 'websocket', 'spdy'] as const) {
      for (const more of [
        {},
        { method: 'DELETE' },
        { method: 'OPTIONS', headers: ['Origin: https://x', 'Access-Control-Request-Method: GET'] },
        { method: 'PURGE' },
        { host: ['Host: evil.example'] },
        { headers: ['Impersonate-User: x', 'Sec-Fetch-Site: cross-site'] },
      ] as Partial<AttackRequest>[]) {
        const { raw } = await send(proxy.port, { target, leg, ...more });
        assert.equal(without(raw), without(refusal.raw), `${leg} ${target} ${JSON.stringify(more)}`);
      }
    }
  assert.equal(upstream.requests.length, before);
});

test('a connection goes on after the 404, also behind a body, and a HEAD gets no body', async t => {
  const connection = await connectRaw(proxy.port);
  t.after(() => connection.destroy());
  const host = 'Host: 127.0.0.1\r\n';
  connection.write(
    `POST /api HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabcHEAD /api HTTP/1.1\r\n${host}\r\nGET ${base}/after HTTP/1.1\r\n${host}\r\n`,
  );
  await connection.until(/^HTTP\/1\.1 404 [\s\S]*\}HTTP\/1\.1 404 [^{]*\r\n\r\nHTTP\/1\.1 200 /);
});

test('below the base path is the API, on each leg, and the API servers of the contexts', async () => {
  for (const [target, expected] of [
    [base, '/'],
    [`${base}?a=1`, '/?a=1'],
    [`${base}/`, '/'],
    [`${base}/api/v1/pods?a=${base}`, `/api/v1/pods?a=${base}`],
    [`${base}/clusters/test/version`, '/version'],
  ] as const) {
    const { code } = await send(proxy.port, { target });
    assert.equal(code, 200, target);
    assert.equal(upstream.requests.at(-1)?.target, expected);
  }
  for (const leg of ['websocket', 'spdy'] as const) {
    const { code } = await send(proxy.port, {
      leg,
      target: `${base}/api/v1/namespaces/n/pods/p/portforward`,
    });
    assert.equal(code, 101);
    assert.equal(upstream.requests.at(-1)?.target, '/api/v1/namespaces/n/pods/p/portforward');
  }
});

test('rules judge the path below the base path', async () => {
  const before = upstream.requests.length;
  for (const leg of Object.keys(legs) as (keyof typeof legs)[])
    for (const [code, target] of [
      [403, `${base}/api/v1/secrets`],
      [400, `${base}/api/../x`],
      [404, `${base}/clusters/none/api`],
    ] as const)
      assert.equal((await send(proxy.port, { leg, target })).code, code, target);
  assert.equal((await send(proxy.port, { target: `${base}/api`, host: ['Host: evil.example'] })).code, 403);
  assert.equal(upstream.requests.length, before);
});

test('no log line has the base path', async () => {
  await send(proxy.port, { target: `${base}/logged-at-last` });
  await eventuallyPasses(() => assert.match(proxy.stderr(), /logged-at-last/));
  const withoutQueries = proxy.stderr().replaceAll(`?a=${base}`, '');
  assert.ok(!withoutQueries.includes(secret));
});

test('the base path is asked for over HTTP/2 too', encrypted, async t => {
  const files = await createServingFiles();
  const secure = await startInProcess(t, [...flags, ...files.flags], {}, { basePath: base });
  const session = await connectHttp2(secure.port, files.authority.certificate);
  t.after(() => session.destroy());
  const refused = await ask(session, '/');
  for (const target of outside.filter(target => target.startsWith('/'))) {
    const { status, text } = await ask(session, target);
    assert.deepEqual([status, text], [404, refused.text], target);
  }
  const brewed = await ask(session, '/api', { headers: { ':method': 'BREW' } });
  assert.deepEqual([brewed.status, brewed.text], [404, refused.text]);
  assert.equal((await ask(session, `${base}/version`)).status, 200);
  assert.ok(!secure.stderr().includes(secret));
});
