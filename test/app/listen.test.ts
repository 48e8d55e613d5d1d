import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { it, type TestContext } from 'node:test';
import fastify from 'fastify';
import { listen, listenForAdmin, urlForBrowser } from '../../src/app/listen.js';
import { parseOptions } from '../../src/options/parse.js';
import { listenFor } from '../support/ports.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it('the address for a browser is one that a browser on this machine can open', () => {
  for (const [address, args, url] of [
    ['127.0.0.1:8001', [], 'http://127.0.0.1:8001'],
    ['[::1]:8001', ['--address=::1'], 'http://[::1]:8001'],
    ['0.0.0.0:80', ['--address=0.0.0.0'], 'http://localhost:80'],
    ['[::]:80', ['--address=::'], 'http://localhost:80'],
    ['127.0.0.1:8001', ['--public-url=https://gw.example/kube'], 'https://gw.example/kube'],
    ['/run/x.sock', ['--unix-socket=/run/x.sock'], undefined],
    ['/run/x.sock', ['--unix-socket=/run/x.sock', '--public-url=http://gw.example'], 'http://gw.example'],
  ] as const) {
    assert.equal(urlForBrowser(address, parseOptions({ argv: [...args], env: {} }).options), url);
  }
});

/** What comes of listening with these flags, on the main listener or on the admin listener. */
async function listenWith(t: TestContext, argv: readonly string[]) {
  const app = fastify();
  t.after(() => app.close());
  const { options } = parseOptions({ argv: ['--insecure-allow-unauthenticated', ...argv], env: {} });
  return options.adminPort === undefined ? listen(app, options) : listenForAdmin(app, options);
}

it('the path of a Unix socket has at most 107 bytes, which is what the system takes', async t => {
  const folder = temporaryFolder();
  for (const length of [107, 108]) {
    const path = join(folder, 'x'.repeat(length - folder.length - 1));
    const problem = `--unix-socket: ${path} is longer than 107 bytes`;
    const listening = length === 107 ? { address: path } : { problem };
    assert.deepEqual(await listenWith(t, [`--unix-socket=${path}`]), listening);
  }
});

it('an address where the program cannot listen is a problem that names it, and what is there stays', async t => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  const theirs = () => net.createServer(socket => socket.on('error', () => {}).end('theirs'));
  const port = await listenFor(t, theirs());
  const busy = theirs().listen(at('busy'));
  t.after(() => busy.close());
  await once(busy, 'listening');
  await writeFile(at('file'), 'mine');
  await symlink(at('file'), at('link'));
  const [address, socket, admin] = ['--address=192.0.2.1', '--unix-socket', '--admin-address=127.0.0.1'];
  for (const [argv, problem] of [
    [[`--port=${port}`], `--port: ${port} is already in use on 127.0.0.1`],
    [[address, '--port=0'], '--address: 192.0.2.1 is not an address of this machine'],
    [[socket, at('busy')], `--unix-socket: ${at('busy')} is already in use`],
    [[socket, at('file')], `--unix-socket: ${at('file')} is already in use`],
    [[socket, at('link')], `--unix-socket: ${at('link')} is already in use`],
    ...['missing', 'file', 'busy'].map(name => {
      const path = at(`${name}/socket`);
      return [
        [socket, path],
        `--unix-socket: ${path} cannot be made: there is no folder ${at(name)}`,
      ] as const;
    }),
    [[`--admin-port=${port}`, admin], `--admin-port: 127.0.0.1:${port} is already in use`],
  ] as const) {
    const listening = await listenWith(t, argv);
    assert.deepEqual(listening, { problem });
  }
  const { problem = '' } = (await listenWith(t, ['--admin-port=1', '--admin-address=192.0.2.1'])) as {
    problem?: string;
  };
  assert.match(problem, /^--admin-port: 192\.0\.2\.1:1 cannot be used: ./);
  assert.equal(await listenForAdmin(undefined, parseOptions({ argv: [], env: {} }).options), undefined);
  assert.equal(await readFile(at('link'), 'utf8'), 'mine');
  assert.equal(await text(net.connect(at('busy'))), 'theirs');
});

it('a Unix socket that nobody listens on is replaced', async t => {
  const folder = temporaryFolder();
  const [first, path] = [join(folder, 'first'), join(folder, 'socket')];
  const gone = net.createServer().listen(first);
  await once(gone, 'listening');
  await rename(first, path);
  gone.close();
  const umask = process.umask();
  assert.deepEqual(await listenWith(t, ['--unix-socket', path]), { address: path });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal(process.umask(), umask);
  assert.ok((await stat(path)).isSocket());
});
