import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

it('a static file that is not regular is listed and not served, and does not affect regular ones', async t => {
  const www = temporaryFolder();
  const special = join(www, 'special');
  await mkdir(special);
  await writeFile(join(www, 'hello.txt'), 'hello world');
  execFileSync('mkfifo', [join(special, 'fifo'), join(special, 'index.html')]);
  await symlink('fifo', join(special, 'alias'));
  const socket = net.createServer().listen(join(special, 'socket'));
  t.after(() => socket.close());
  await once(socket, 'listening');
  const { port } = await startInProcess(t, ['--server=http://127.0.0.1:1', '--www', www]);
  const requests = ['GET', 'HEAD', 'GET'].flatMap(method =>
    ['fifo', 'alias', 'index.html', 'socket'].map(name => send(port, `/static/special/${name}`, { method })),
  );
  // More than the four threads on which libuv opens files.
  assert.deepEqual(new Set((await Promise.all(requests)).map(({ status }) => status)), new Set([404]));
  assert.equal((await send(port, '/static/hello.txt')).text, 'hello world');
  assert.match((await send(port, '/static/special/')).text, />fifo<\/a>/);
});
