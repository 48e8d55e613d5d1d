import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { openWatch } from '../../../support/clients/watch-client.js';
import { closed } from '../../../support/closed.js';
import { eventually } from '../../../support/eventually.js';
import type { FakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startGateway, startStack } from '../../../support/proxy/stack.js';
import { replaceFile } from '../../../support/replaced-file.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const configMaps = '/api/v1/namespaces/default/configmaps';

function configMap(name: string, size = 10) {
  const metadata = { name, namespace: 'default' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text: 'x'.repeat(size) } };
}

/** The path of a watch from now on. */
function watchOf(server: FakeApiServer, more = ''): string {
  return `${configMaps}?watch=1&resourceVersion=${server.version}${more}`;
}

const sharing = ['--share-watches'];

describe('clients of one shared watch', () => {
  it('are separate below / and below /clusters/ if the path of the server’s URL comes before only one of them', async t => {
    const { server, proxy } = await startGateway(t, {
      serverPath: '/c1',
      server: { allow: () => true },
      run: startInProcess,
      flags: [...sharing, '--all-contexts'],
    });
    const arrived: string[] = [];
    server.intercept(request => {
      const { url = '' } = request;
      if (url.includes('watch=1')) arrived.push(url.replace(/\?.*/, ''));
      request.url = url.replace(/^\/c1/, '');
      return false;
    });
    const path = watchOf(server);
    const clients = [];
    for (const prefix of ['/clusters/test', ''])
      clients.push(await openWatch(`${proxy.url}${prefix}${path}`));
    assert.deepEqual(arrived, [`/c1${configMaps}`, configMaps]);
    for (const client of clients) client.close();
  });
});

describe('a client on a Unix socket', () => {
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

  it('is cut if it does not read, and the program continues', async t => {
    const folder = temporaryFolder();
    const path = join(folder, 'socket');
    const flags = [...sharing, '--share-watches-buffer=1Mi', `--unix-socket=${path}`];
    const { server } = await startStack(t, { run: startInProcess, flags });
    const [quick, slow] = [await connectUnix(path), await connectUnix(path)];
    let isClosed = false;
    slow.once('close', () => {
      isClosed = true;
    });
    for (const socket of [quick, slow]) {
      t.after(() => socket.destroy());
      socket.write(`GET ${watchOf(server)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await once(socket, 'data');
    }
    slow.pause();
    quick.resume();
    await eventually('the slow client to be cut', async () => {
      for (let count = 0; count < 20; count++) server.write(configMap('big', 100_000));
      await once(quick, 'data');
      return (await ask(path, '/-/metrics')).includes('shared_watch_lagging_clients_total 1');
    });
    slow.resume();
    await eventually('the end of its connection', () => isClosed);
    assert.equal(quick.closed, false);
  });

  it('of HTTP/1.0 is cut if the API server breaks its answer off, and the program continues', async t => {
    const folder = temporaryFolder();
    const path = join(folder, 'socket');
    const { server } = await startStack(t, { run: startInProcess, flags: [`--unix-socket=${path}`] });
    const socket = await connectUnix(path);
    socket.write(`GET ${watchOf(server)} HTTP/1.0\r\nHost: localhost\r\n\r\n`);
    const [head] = await once(socket, 'data');
    assert.match(String(head), /^HTTP\/1.1 200/);
    socket.resume();
    server.cut();
    await closed(socket);
    assert.match(await ask(path, '/-/livez'), /^HTTP\/1.1 200/);
  });
});

describe('a context that is no longer in the kubeconfig', () => {
  it('keeps its shared watches until their response ends, and none is sent again', async t => {
    const { server, proxy, kubeconfig } = await startStack(t, {
      run: startInProcess,
      flags: [...sharing, '--all-contexts'],
    });
    const config = parse(await readFile(kubeconfig, 'utf8'));
    config.contexts.push({ ...config.contexts[0], name: 'other' });
    await replaceFile(kubeconfig, stringify(config));
    await eventually('the context', async () => (await fetch(`${proxy.url}/clusters/other/version`)).ok);
    const client = await openWatch(`${proxy.url}/clusters/other${watchOf(server)}`);
    config.contexts.pop();
    await replaceFile(kubeconfig, stringify(config));
    await eventually(
      'its end',
      async () => (await fetch(`${proxy.url}/clusters/other/version`)).status === 404,
    );
    server.write(configMap('one'));
    await client.until(1);
    const before = server.watches.length;
    server.endWatches();
    await client.ended;
    assert.equal(server.watches.length, before);
  });
});
