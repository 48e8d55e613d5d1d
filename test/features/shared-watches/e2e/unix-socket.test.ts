import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../../support/eventually.js';
import { configMap } from '../../../support/fake-api-server/config-maps.js';
import { startStack } from '../../../support/proxy/stack.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

async function connectUnix(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket.on('error', () => {});
}

async function ask(path: string, target: string): Promise<string> {
  const socket = await connectUnix(path);
  socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  return String(Buffer.concat(await socket.toArray()));
}

test('clients on a Unix socket, which cannot be reset, are cut if they do not read, and the program continues', async t => {
  const path = join(temporaryFolder(), 'socket');
  const flags = ['--share-watches', '--share-watches-buffer=1Mi', `--unix-socket=${path}`];
  const { server } = await startStack(t, { flags });
  const watch = `/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=${server.version}`;
  const open = async (version: string) => {
    const socket = await connectUnix(path);
    t.after(() => socket.destroy());
    socket.write(`GET ${watch} HTTP/${version}\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'data');
    return socket;
  };
  const quick = await open('1.1');
  const slow = await Promise.all(['1.1', '1.0'].map(open));
  for (const socket of slow) socket.pause();
  quick.resume();
  await eventually('the slow clients to be cut', async () => {
    const data = { text: 'x'.repeat(100_000) };
    for (let count = 0; count < 20; count++) server.write(configMap('default', 'big', { data }));
    await once(quick, 'data');
    return (await ask(path, '/-/metrics')).includes('shared_watch_lagging_clients_total 2');
  });
  for (const socket of slow) {
    socket.resume();
    await eventually('the end of its connection', () => socket.closed);
  }
  assert.equal(quick.closed, false);
});
