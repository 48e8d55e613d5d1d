import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type FakeApiServer, startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { freePort } from '../../support/ports.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import type { KubeconfigFile } from '../../support/proxy/kubeconfig-file.js';
import {
  type ProxyProcess as Program,
  runProgram,
  startProxy,
  writeAdminKubeconfig,
} from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

let server: FakeApiServer;
let admin: KubeconfigFile;
let folder: string;

before(async () => {
  folder = temporaryFolder();
  server = await startFakeApiServer();
  admin = await writeAdminKubeconfig(server);
});

after(async () => {
  await server.kill();
});

/** A proxy that ends with the test; by default with the admin's kubeconfig. */
async function start(t: TestContext, args: readonly string[]): Promise<Program> {
  const proxy = await startProxy(args, { KUBECONFIG: admin.path });
  t.after(() => proxy.stop('SIGKILL'));
  return proxy;
}

/** The same in the test's own process, for tests that differ only in the address. */
function startHere(t: TestContext, args: readonly string[]): Promise<RunningProgram> {
  return startInProcess(t, args, { KUBECONFIG: admin.path });
}

/** The only start-up problem of a program that exits with 1 and prints nothing on standard output. */
async function problemOf(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(args, { KUBECONFIG: admin.path });
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^[^\n]+\n$/);
  return stderr;
}

async function canListenOn(host: string): Promise<boolean> {
  return freePort(host).then(
    () => true,
    () => false,
  );
}

async function getStatus(url: string): Promise<number> {
  const response = await fetch(url, { redirect: 'manual' });
  await response.arrayBuffer();
  return response.status;
}

async function getOverSocket(path: string, url: string): Promise<number | undefined> {
  const request = http.get({ socketPath: path, path: url, headers: { Host: 'localhost' }, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

test('port 0 picks a free port and prints it, and binds it only on 127.0.0.1', async t => {
  const proxy = await start(t, ['-p0']);
  assert.notEqual(proxy.port, 0);
  assert.equal(proxy.address, `127.0.0.1:${proxy.port}`);
  assert.equal(await getStatus(`http://127.0.0.1:${proxy.port}/version`), 200);
  await assert.rejects(fetch(`http://127.0.0.2:${proxy.port}/version`));
});

test('--address=::1 serves on the IPv6 loopback and accepts its own name', async t => {
  if (!(await canListenOn('::1'))) return t.skip('there is no IPv6 loopback here');
  const proxy = await startHere(t, ['--address=::1']);
  assert.match(proxy.address, /^\[::1\]:\d+$/);
  assert.equal(await getStatus(`${proxy.url}/version`), 200);
  await assert.rejects(fetch(`http://127.0.0.1:${proxy.port}/version`));
});

test('--address=0.0.0.0 serves on every IPv4 address', async t => {
  const proxy = await startHere(t, ['--address=0.0.0.0', '--insecure-allow-unauthenticated']);
  assert.equal(await getStatus(`http://127.0.0.1:${proxy.port}/version`), 200);
  const other = await fetch(`http://127.0.0.2:${proxy.port}/version`);
  assert.equal(other.status, 403, 'the host filter answers, so the connection was accepted');
  assert.match(((await other.json()) as { message: string }).message, /--accept-hosts/);
});

test('-u serves on a Unix socket of mode 0600, prints its path, and replaces a stale one', async t => {
  const path = join(folder, 'socket');
  for (const turn of ['at first', 'after a kill']) {
    const proxy = await start(t, ['-u', path]);
    assert.equal(proxy.address, path);
    const found = await stat(path);
    assert.ok(found.isSocket());
    assert.equal(found.mode & 0o777, 0o600, turn);
    assert.equal(await getOverSocket(path, '/version'), 200);
    await proxy.stop('SIGKILL');
    assert.ok((await stat(path)).isSocket(), 'a killed program leaves its socket behind');
    await chmod(path, 0o666);
  }
});

test('a symbolic link at the path of the Unix socket stays, and so does its target', async () => {
  const target = join(folder, 'target');
  const path = join(folder, 'link');
  await writeFile(target, 'mine');
  await symlink(target, path);
  await problemOf(['-u', path]);
  assert.equal(await readFile(path, 'utf8'), 'mine');
});
