import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, describe, test } from 'node:test';
import { anyApiServer, embedded } from '../../../support/any-api-server.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { kubectl, kubectlTest, startKubectl } from '../../../support/clients/kubectl.js';
import { connectRaw } from '../../../support/clients/raw-http.js';
import { WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { AnyWatchedNamespace, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

const files = await createServingFiles();
const server = await anyApiServer({ after });
const [plain, secure] = await Promise.all([
  startStack({ after }, { server, run: startInProcess, flags: ['--share-watches'] }),
  startStack({ after }, { server, run: startInProcess, flags: ['--share-watches', ...files.flags] }),
]);

test('each page gets the CORS fields of its own origin', async t => {
  const origins = '--cors-allowed-origins=^https://[a-z]+\\.example$';
  const flags = ['--share-watches', origins];
  const stack = await startStack(t, { server, run: startInProcess, flags });
  const namespace = await AnyWatchedNamespace.create(stack);
  const from = await namespace.version();
  const ask = (Origin: string) => namespace.watch({ from, headers: { Origin } });
  const [one, other] = [await ask('https://one.example'), await ask('https://other.example')];
  assert.equal(one.headers['access-control-allow-origin'], 'https://one.example');
  assert.equal(other.headers['access-control-allow-origin'], 'https://other.example');
  const stranger = await ask('https://stranger.invalid');
  assert.equal(stranger.headers['access-control-allow-origin'], undefined);
  assert.equal((await namespace.upstream()).length, 1);
});

test('clients over HTTP/2 and HTTP/1.1 share a watch, even on one connection, and leave one by one', async t => {
  const { port } = secure;
  const ca = files.authority.certificate;
  const namespace = await AnyWatchedNamespace.create({ server, proxy: { url: `https://127.0.0.1:${port}` } });
  const session = await connectHttp2(port, ca);
  t.after(() => session.destroy());
  const from = await namespace.version();
  const target = await namespace.target({ from });
  const overHttp2 = await Promise.all(
    [1, 2, 3].map(async () => {
      const stream = openStream(session, target);
      const head = await headOf(stream);
      return new WatchClient(stream, head[':status'] ?? 0, head);
    }),
  );
  const overHttp1 = await namespace.watch({ from, tls: { ca } });
  const watches = [...overHttp2, overHttp1];
  await namespace.writeAll('a', 'b');
  for (const watch of watches) await watch.until(2);
  for (const watch of watches) {
    assert.equal(watch.status, 200);
    assert.deepEqual(watch.bytes(), overHttp1.bytes());
  }
  assert.equal((await namespace.upstream()).length, 1);
  overHttp2[0]?.close();
  await namespace.write('c');
  for (const watch of watches.slice(1)) await watch.until(3);
  const brief = openStream(session, `${target}&timeoutSeconds=1`);
  const head = await headOf(brief);
  assert.equal(await new WatchClient(brief, 200, head).ended, 'end');
  session.destroy();
  await namespace.write('d');
  await overHttp1.until(4);
});

test('a client of HTTP/1.0 gets the events without chunks, and a connection of HTTP/1.1 serves requests after its watch', async t => {
  const namespace = await AnyWatchedNamespace.create(plain);
  const from = await namespace.version();
  const watch = await namespace.watch({ from });
  const ask = async (target: string, version: string) => {
    const connection = await connectRaw(plain.port);
    t.after(() => connection.destroy());
    connection.write(`GET ${target} HTTP/${version}\r\nHost: localhost\r\n\r\n`);
    return connection;
  };
  const old = await ask(await namespace.target({ from }), '1.0');
  await old.until(/\r\n\r\n/);
  await namespace.writeAll('a', 'b');
  await watch.until(2);
  await old.until(/"b"[^\n]*\n/);
  const received = old.received();
  assert.match(received, /^HTTP\/1\.[01] 200 /);
  assert.equal(received.slice(received.indexOf('\r\n\r\n') + 4), String(watch.bytes()));
  assert.equal((await namespace.upstream()).length, 1);
  // Its events come at once, however long the machine takes for a write.
  const kept = await ask(await namespace.target({ from, query: '&timeoutSeconds=3' }), '1.1');
  await kept.until(/"b"[^\n]*\n\r\n0\r\n\r\n$/);
  kept.write('GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await kept.until(/gitVersion/);
});

test('a program that gets SIGTERM ends shared watches and exits', async t => {
  const stack = await startStack(t, { server, flags: ['--share-watches', '--shutdown-grace=30s'] });
  const namespace = await AnyWatchedNamespace.create(stack);
  const watches = await namespace.watchMany(3);
  const exit = await stack.proxy.stop();
  assert.equal(exit.code, 0);
  for (const watch of watches) assert.equal(await watch.ended, 'end');
  await namespace.untilUpstream(0);
  assert.doesNotMatch(stack.proxy.stderr(), /uncaught/i);
});

describe('real clients', { concurrency: false }, () => {
  /** The output of a started program so far. */
  function outputOf(child: ReturnType<typeof startKubectl>): () => string {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    return () => text;
  }

  /** Waits until the program has answered this number of watches. */
  function untilOpen({ path }: Pick<AnyWatchedNamespace, 'path'>, count: number): Promise<void> {
    const isOpening = (line: Record<string, unknown>) =>
      line['msg'] === 'request open' && line['verb'] === 'watch' && line['path'] === path;
    return eventually(`${count} watches`, () => plain.proxy.log().filter(isOpening).length === count);
  }

  kubectlTest('five kubectl get -w at once print the same', embedded, async t => {
    const namespace = new WatchedNamespace({ server: server.embedded, proxy: plain.proxy });
    namespace.write('there');
    const children = Array.from({ length: 5 }, () =>
      startKubectl(['-s', plain.proxy.url, '-n', namespace.name, 'get', 'configmaps', '-w'], {}),
    );
    t.after(() => {
      for (const child of children) child.kill('SIGKILL');
    });
    const outputs = children.map(outputOf);
    await untilOpen(namespace, 5);
    assert.equal(namespace.upstream().length, 1);
    namespace.writeAll('a', 'b');
    await server.embedded.restart();
    namespace.write('c');
    namespace.remove('a');
    namespace.write('last');
    // kubectl writes a line in several pieces.
    for (const output of outputs) await eventually('the last line', () => /^last .*\n/m.test(output()));
    const [first = ''] = outputs.map(output => output());
    assert.deepEqual(
      first.split('\n').map(line => line.split(/\s+/)[0]),
      ['NAME', 'there', 'a', 'b', 'c', 'a', 'last', ''],
    );
    for (const output of outputs) assert.equal(output(), first);
  });

  kubectlTest('kubectl get -w -o yaml, json and name, and kubectl wait, see each change', async t => {
    const namespace = await AnyWatchedNamespace.create(plain);
    await namespace.write('there');
    const to = ['-s', plain.proxy.url, '-n', namespace.name];
    const outputs = ['yaml', 'json', 'name', 'yaml', 'json', 'name'].map(form => {
      const child = startKubectl([...to, 'get', 'configmaps', '-w', '-o', form], {});
      t.after(() => child.kill('SIGKILL'));
      return outputOf(child);
    });
    const wait = kubectl([...to, 'wait', '--for=delete', 'configmap/there', '--timeout=2m'], {});
    await untilOpen(namespace, 7);
    await namespace.write('changed', { text: 'new' });
    for (const output of outputs) await eventually('the change', () => output().includes('changed'));
    // kubectl writes an object in several pieces.
    for (const index of [0, 1, 2]) {
      await eventually('the same output', () => outputs[index]?.() === outputs[index + 3]?.());
    }
    await eventually('both names', () => outputs[2]?.() === 'configmap/there\nconfigmap/changed\n');
    await namespace.remove('there');
    assert.equal((await wait).code, 0);
  });

  test('curl shares with other clients', async t => {
    const namespace = await AnyWatchedNamespace.create(plain);
    const from = await namespace.version();
    const watch = await namespace.watch({ from, headers: { Accept: '*/*' } });
    const curl = spawn('curl', ['-sN', plain.proxy.url + (await namespace.target({ from }))]);
    t.after(() => curl.kill('SIGKILL'));
    let text = '';
    curl.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    await namespace.writeAll('a', 'b');
    await watch.until(2);
    await eventually('both events', () => text.split('\n').length === 3);
    assert.equal(text, String(watch.bytes()));
    assert.equal((await namespace.upstream()).length, 1);
  });
});
