import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { after, describe, test } from 'node:test';
import { createGunzip, gunzipSync } from 'node:zlib';
import { open, requestApi, tlsTo } from '../clients/http-client.js';
import { headOf, openStream } from '../clients/http2-client.js';
import { shownEvents } from '../clients/initial-events.js';
import { readWatch, watchServer } from '../clients/watch-client.js';
import { until } from '../eventually.js';
import { configMap, configMapsIn } from './config-maps.js';
import { type FakeApiServer, type FakeApiServerOptions, startFakeApiServer } from './fake-api-server.js';

const protobuf = 'application/vnd.kubernetes.protobuf';

const path = `${configMapsIn('default')}?watch=1`;

async function start(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
  const server = await startFakeApiServer(options);
  after(() => server.kill());
  return server;
}

const server = await start({ bookmarkInterval: 20 });

test('a watch starts anywhere in the history, and one that starts too early gets a 410 with the oldest version', async () => {
  const limited = await start({ watchHistory: 3 });
  const { version } = limited;
  for (const name of ['a', 'b', 'c', 'd']) limited.write(configMap('default', name));
  const inside = await watchServer(limited, `${path}&resourceVersion=${version + 1}`);
  await inside.until(3);
  assert.deepEqual(inside.lines(), [
    `ADDED b ${version + 2}`,
    `ADDED c ${version + 3}`,
    `ADDED d ${version + 4}`,
  ]);
  const outside = await watchServer(limited, `${path}&resourceVersion=${version}`);
  assert.equal(await outside.ended, 'end');
  assert.equal(outside.status, 200);
  assert.equal(
    String(outside.frames()[0]),
    `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old ` +
      `resource version: ${version} (${version + 1})","reason":"Expired","code":410}}\n`,
  );
});

test('a watch with a label selector shows an object that starts to match as ADDED and one that stops as DELETED', async () => {
  const query = `watch=1&labelSelector=on%3D1&resourceVersion=${server.version}`;
  const watch = await watchServer(server, `${configMapsIn('default')}?${query}`);
  for (const labels of [{}, { on: '1' }, { on: '1', more: 'x' }, { on: '2' }]) {
    server.write(configMap('default', 'selected', { labels }));
  }
  await watch.until(3);
  assert.deepEqual(
    watch.events().map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'DELETED'],
  );
  watch.close();
});

test('a watch from a future version is quiet until that version has passed', async () => {
  const future = server.version + 2;
  const watch = await watchServer(server, `${path}&allowWatchBookmarks=1&resourceVersion=${future}`);
  const now = await watchServer(server, `${path}&allowWatchBookmarks=1&resourceVersion=${server.version}`);
  await now.until(2);
  for (const name of ['a', 'b', 'c']) server.write(configMap('default', name));
  await until(() => watch.lines().some(line => line.startsWith('ADDED')));
  const [line] = watch.lines().filter(line => !line.startsWith('BOOKMARK'));
  assert.equal(line, `ADDED c ${future + 1}`);
  assert.ok(watch.events().every(({ object }) => Number(object.metadata.resourceVersion) >= future));
  watch.close();
  now.close();
});

test('the last bookmark comes shortly before the end of timeoutSeconds', async () => {
  const other = await start({ bookmarkBeforeEnd: 900 });
  const query = `&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${other.version}`;
  const watch = await watchServer(other, path + query);
  assert.equal(await watch.ended, 'end');
  assert.deepEqual(watch.lines(), [`BOOKMARK ${other.version}`]);
});

test('a watch without timeoutSeconds ends at a random time if the server has limits for that', async () => {
  const other = await start({ watchTimeout: [10, 50] });
  const watch = await watchServer(other, `${path}&resourceVersion=${other.version}`);
  assert.equal(await watch.ended, 'end');
});

test('a protobuf watch separates its events, bookmarks and errors by length, without the magic bytes', async () => {
  const { version } = server;
  const watch = await watchServer(server, `${path}&resourceVersion=${version}`, {
    Accept: `${protobuf},application/json`,
  });
  assert.equal(watch.headers['content-type'], `${protobuf};stream=watch`);
  server.write(configMap('default', 'p', { data: { k: 'v' } }));
  await watch.until(1);
  const [event = Buffer.alloc(0)] = watch.frames();
  assert.equal(event.readUInt32BE(), event.length - 4);
  const parts = ['ADDED', 'k8s\0', 'v1', 'ConfigMap', 'p', 'default', String(version + 1), 'k', 'v'];
  assert.match(event.toString('latin1'), new RegExp(parts.join('[\\s\\S]*')));
  watch.close();

  const marked = `${path}&allowWatchBookmarks=true&resourceVersion=${server.version}`;
  const bookmarks = await watchServer(server, marked, { Accept: `${protobuf};stream=watch` });
  await bookmarks.until(1);
  assert.match(bookmarks.frames()[0]?.toString('latin1') ?? '', /BOOKMARK.*k8s\0.*ConfigMap/s);
  bookmarks.close();
  const old = await watchServer(server, `${path}&resourceVersion=1`, { Accept: protobuf });
  assert.equal(await old.ended, 'end');
  assert.match(old.frames()[0]?.toString('latin1') ?? '', /ERROR.*k8s\0.*Status.*too old resource version/s);
});

test('a restart keeps objects and versions, and a watch continues from its version', async () => {
  const other = await start();
  const { version } = other;
  const first = await watchServer(other, `${path}&resourceVersion=${version}`);
  other.write(configMap('default', 'one'));
  await first.until(1);
  await other.restart();
  assert.equal(await first.ended, 'cut');
  other.write(configMap('default', 'two'));
  const second = await watchServer(other, `${path}&resourceVersion=${version + 1}`);
  await second.until(1);
  assert.deepEqual(second.lines(), [`ADDED two ${version + 2}`]);
});

test('a restored backup resets objects and versions', async () => {
  const other = await start();
  other.write(configMap('default', 'kept'));
  const backup = other.backup();
  other.write(configMap('default', 'lost'));
  await other.kill();
  other.restore(backup);
  await other.restart();
  const list = await requestApi(other, { path: configMapsIn('default') });
  const { metadata, items } = list.json as { metadata: { resourceVersion: string }; items: unknown[] };
  assert.equal(metadata.resourceVersion, String(backup.version));
  assert.equal(items.length, 2);
});

test('endWatches ends every watch cleanly, and cut breaks it; the server continues', async () => {
  const other = await start();
  const open = () => watchServer(other, `${path}&resourceVersion=${other.version}`);
  const watches = [await open(), await open()];
  other.endWatches();
  assert.deepEqual(await Promise.all(watches.map(({ ended }) => ended)), ['end', 'end']);
  const watch = await open();
  other.cut();
  assert.equal(await watch.ended, 'cut');
  assert.equal((await open()).status, 200);
});

test('after GOAWAY, a watch over HTTP/2 continues and a new request needs a new connection', async () => {
  const session = http2.connect(server.url, tlsTo(server));
  const stream = openStream(session, `${path}&resourceVersion=${server.version}`);
  const head = await headOf(stream);
  const watch = readWatch(stream, head[':status'] ?? 0, head);
  const goneAway = once(session, 'goaway');
  server.goAway();
  await goneAway;
  assert.ok(session.closed);
  server.write(configMap('default', 'after-goaway'));
  await watch.until(1);
  assert.equal(watch.events()[0]?.object.metadata.name, 'after-goaway');
  watch.close();
  session.destroy();
});

describe('initial events', async () => {
  const compressing = await start({ compressInitialEvents: true });
  const path = configMapsIn('team-0');
  const listByWatching = `${path}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`;
  const withBookmarks = `${listByWatching}&allowWatchBookmarks=true`;

  test('and the rest of their watch are compressed for a client that accepts gzip, event by event', async () => {
    const ask = (target: string, encoding: string) =>
      open(compressing.port, target, { headers: { 'Accept-Encoding': encoding }, tls: tlsTo(compressing) });
    const response = await ask(withBookmarks, 'deflate, gzip');
    assert.equal(response.headers['content-encoding'], 'gzip');
    const received: Buffer[] = [];
    response.on('data', (chunk: Buffer) => received.push(chunk));
    const watch = readWatch(response.pipe(createGunzip()), 200, response.headers);
    await watch.until(2);
    compressing.write(configMap('team-0', 'c'));
    await watch.until(3);
    assert.deepEqual(shownEvents(watch), ['ADDED settings', 'END', 'ADDED c']);
    const all = Buffer.concat(received);
    const member = all.lastIndexOf(Buffer.from([0x1f, 0x8b, 8]));
    assert.equal(gunzipSync(all.subarray(member)).toString(), String(watch.frames().at(-1)));
    response.destroy();
    const changes = `${path}?watch=1&allowWatchBookmarks=true&resourceVersion=${compressing.version}`;
    for (const [target, encoding] of [
      ...['identity', 'gzip;q=1', ''].map(other => [withBookmarks, other] as const),
      ...[listByWatching, changes].map(other => [other, 'gzip'] as const),
    ]) {
      const plain = await ask(target, encoding);
      assert.equal(plain.headers['content-encoding'], undefined, `${target} ${encoding}`);
      plain.destroy();
    }
  });

  test('wait while a test holds them, and changes of that time come after the bookmark', async () => {
    const held = await start();
    held.write(configMap('team-0', 'a'));
    const release = held.initialEvents.hold(1);
    const watch = await watchServer(held, withBookmarks);
    await watch.until(1);
    held.write(configMap('team-0', 'c'));
    held.remove(configMap('team-0', 'settings'));
    assert.deepEqual(shownEvents(watch), ['ADDED a']);
    release();
    await watch.until(5);
    assert.deepEqual(shownEvents(watch), [
      ...['ADDED a', 'ADDED settings', 'END', 'ADDED c', 'DELETED settings'],
    ]);
    watch.close();
  });

  test('wait for a client that does not read', async () => {
    const full = await start();
    const text = 'x'.repeat(1_000_000);
    for (let index = 0; index < 30; index += 1)
      full.write(configMap('team-0', `large-${index}`, { data: { text } }));
    const watch = await watchServer(full, withBookmarks);
    watch.pause();
    full.write(configMap('team-0', 'later'));
    watch.resume();
    await watch.untilNamed('"later"');
    assert.deepEqual(shownEvents(watch).slice(-2), ['END', 'ADDED later']);
    watch.close();
  });
});
