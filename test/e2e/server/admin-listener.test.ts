import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventually, eventuallyPasses } from '../../support/eventually.js';
import { adminPort } from '../../support/proxy/admin-listener.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { startStack } from '../../support/proxy/stack.js';

const adminFlags = ['--admin-port=0', '--admin-address=127.0.0.1'];
const { server, proxy } = await startStack({ after }, { run: startProxyFor, flags: adminFlags });
const admin = await adminPort(proxy);

test('the admin listener serves the metrics and the health of the proxy under any host name', async () => {
  const headers = { host: '10.1.2.3:8002' };
  // A scrape waits only a moment for a check, and leaves it out then.
  await eventuallyPasses(async () => {
    const metrics = await send(admin, '/metrics', { headers });
    assert.equal(metrics.status, 200);
    assert.match(metrics.text, /^kube_api_proxy_ready\{check="credentials"\} 1$/m);
    assert.match(metrics.text, /^kube_api_proxy_build_info\{/m);
  });
  assert.equal((await send(admin, '/livez', { headers })).text, 'ok');
  const ready = await send(admin, '/readyz?verbose', { headers });
  assert.match(ready.text, /^\[\+\]credentials ok\n\[\+\]upstream ok\n\[\+\]shutdown ok\n/m);
});

test('metrics are on the admin listener alone then: the main one answers 404, names the port and lists them no more', async () => {
  const seen = server.requests.length;
  for (const path of ['/-/metrics', '/-/metrics?x']) {
    const { status, text } = await send(proxy.port, path);
    assert.equal(status, 404, path);
    const { message } = JSON.parse(text) as { message: string };
    assert.equal(message, '/-/metrics is not served here, but as /metrics on the port of --admin-port=0');
  }
  assert.equal((await send(proxy.port, '/-/metrics', { method: 'HEAD' })).status, 404);
  const upgrade = await connectRaw(proxy.port);
  upgrade.write(
    'GET /-/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  await upgrade.until(/^HTTP\/1\.1 404 /);
  upgrade.destroy();
  assert.doesNotMatch((await send(proxy.port, '/-/')).text, /metrics/);
  assert.equal(server.requests.slice(seen).filter(({ rawUrl }) => /metrics/.test(rawUrl)).length, 0);
});

test('the admin listener never serves the API, on either leg', async () => {
  const seen = server.requests.length;
  for (const path of [
    '/api',
    '/api/v1/pods',
    '/apis',
    '/version',
    '/',
    '/-/metrics',
    '/healthz',
    '//api',
    '/%61pi',
  ]) {
    assert.equal((await send(admin, path)).status, 404, path);
  }
  const upgrade =
    'GET /api/v1/namespaces/default/pods/web-0/exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const connection = await connectRaw(admin);
  connection.write(upgrade);
  await connection.until(/^HTTP\/1\.1 404 /);
  connection.destroy();
  assert.equal(server.requests.slice(seen).filter(({ rawUrl }) => /exec|pods/.test(rawUrl)).length, 0);
});

test('a signal makes the proxy unready first, and it serves until the delay is over', async t => {
  const flags = ['--shutdown-delay=8s', ...adminFlags];
  const own = await startStack(t, { run: startProxyFor, server, flags });
  const port = await adminPort(own.proxy);
  const began = performance.now();
  own.proxy.process.kill('SIGTERM');
  await eventually('unreadiness', async () => (await send(port, '/readyz')).status === 500);
  assert.match((await send(port, '/readyz')).text, /^\[-\]shutdown failed: the process is shutting down$/m);
  assert.equal((await send(port, '/livez')).status, 200);
  assert.equal((await send(own.port, '/version')).status, 200, 'still served');
  assert.equal((await own.proxy.exited).code, 0);
  const took = performance.now() - began;
  assert.ok(took >= 7_950, `it took ${took} ms`);
});

test('SIGUSR2 lowers the log level by one, and returns from trace to the configured level; SIGUSR1 opens no inspector', async () => {
  const levels = () =>
    proxy
      .log()
      .filter(({ msg }) => msg === 'log level changed by signal')
      .map(line => line['to']);
  for (const expected of [['debug'], ['debug', 'trace'], ['debug', 'trace', 'info']]) {
    // Signals arrive in the order of their numbers, so the first has arrived when the second has its effect.
    proxy.process.kill('SIGUSR1');
    proxy.process.kill('SIGUSR2');
    await eventually('the line', () => levels().length >= expected.length);
    assert.deepEqual(levels(), expected);
  }
  assert.equal((await send(proxy.port, '/version')).status, 200);
  assert.doesNotMatch(proxy.stderr(), /Debugger/);
});
