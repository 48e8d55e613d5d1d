import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, stat } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/ports.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startProxy, startProxyFor } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const server = '--server=http://127.0.0.1:1';

async function getStatus(host: string, port: number): Promise<number> {
  const response = await fetch(`http://${host}:${port}/-/livez`);
  await response.arrayBuffer();
  return response.status;
}

test('port 0 picks a free port and prints it, and binds it only on 127.0.0.1', async t => {
  const proxy = await startProxyFor(t, [server, '-p0']);
  assert.notEqual(proxy.port, 0);
  assert.equal(proxy.address, `127.0.0.1:${proxy.port}`);
  assert.equal(await getStatus('127.0.0.1', proxy.port), 200);
  await assert.rejects(getStatus('127.0.0.2', proxy.port));
});

test('--address=::1 serves on the IPv6 loopback and accepts its own name', async t => {
  const hasIpv6 = await freePort('::1').then(
    () => true,
    () => false,
  );
  if (!hasIpv6) return t.skip('there is no IPv6 loopback here');
  const proxy = await startInProcess(t, [server, '--address=::1']);
  assert.equal(proxy.address, `[::1]:${proxy.port}`);
  assert.equal(await getStatus('[::1]', proxy.port), 200);
  await assert.rejects(getStatus('127.0.0.1', proxy.port));
});

test('--address=0.0.0.0 serves on every IPv4 address, and the log says that it is open to all', async t => {
  const flags = ['--address=0.0.0.0', '--insecure-allow-unauthenticated'];
  const proxy = await startProxyFor(t, [server, ...flags]);
  assert.equal(await getStatus('127.0.0.1', proxy.port), 200);
  assert.equal(await getStatus('127.0.0.2', proxy.port), 403, 'the rule about hosts answers');
  await eventually('the line', () => /no authentication: everyone who reaches this/.test(proxy.stderr()));
});

test('-u serves on a Unix socket of mode 0600, prints its path, and replaces a stale one', async () => {
  const path = join(temporaryFolder(), 'socket');
  for (const turn of ['at first', 'after a kill']) {
    const proxy = await startProxy([server, '-u', path]);
    assert.equal(proxy.address, path);
    const found = await stat(path);
    assert.ok(found.isSocket());
    assert.equal(found.mode & 0o777, 0o600, turn);
    const request = http.get({ socketPath: path, path: '/-/livez', headers: { Host: 'localhost' } });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(response.resume().statusCode, 200);
    await proxy.stop('SIGKILL');
    assert.ok((await stat(path)).isSocket(), 'a killed program leaves its socket behind');
    await chmod(path, 0o666);
  }
});
