import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { anyApiServer, embedded } from '../../../support/any-api-server.js';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { AnyWatchedNamespace } from '../../../support/proxy/any-watched-namespace.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { ageless, forms, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

// At the embedded API server, bookmarks come often, so that most upstream watches begin with one.
const server = await anyApiServer({ after }, { bookmarkInterval: 50, bookmarkBeforeEnd: 500 });
const stack = await startStack({ after }, { server, run: startInProcess, flags: ['--share-watches'] });

/** A namespace of the embedded API server. */
const embeddedNamespace = () =>
  new WatchedNamespace({ server: server.embedded, proxy: { url: stack.proxy.url } });

describe('events', { concurrency: 4 }, () => {
  for (const [form, Accept] of Object.entries(forms)) {
    test(`come to first, late and returning clients as to a client without the program (${form})`, async () => {
      const namespace = await AnyWatchedNamespace.create(stack);
      const headers = { Accept };
      const clients: (readonly [WatchClient, string])[] = [];
      const join = async (from: string) => clients.push([await namespace.watch({ from, headers }), from]);
      await join(await namespace.version());
      const one = await namespace.write('one');
      await namespace.write('one', { text: 'x' });
      const two = await namespace.write('two', { text: 'ünïcödé "quoted" \\ \n </script> \u2028' });
      await namespace.remove('one');
      for (const from of [one, two, await namespace.version()]) await join(from);
      await namespace.write('last', { long: 'x'.repeat(70_000) });
      const read = form === 'table' ? ageless : (bytes: Buffer) => bytes.toString('latin1');
      for (const [client, from] of clients) {
        await client.untilNamed('last');
        const direct = await namespace.direct({ from, headers });
        for (const name of ['content-type', 'cache-control'])
          assert.equal(client.headers[name], direct.headers[name]);
        await direct.until(client.frames().length);
        assert.deepEqual(client.frames().map(read), direct.frames().map(read));
        assert.equal(read(client.bytes()), read(direct.bytes()));
        direct.close();
      }
      assert.equal(clients[0]?.[0].frames().length, 5);
      assert.equal((await namespace.upstream()).length, 1);
    });
  }
});

test('a client that joins in the past, at the present or ahead gets the events after its version, each once', async () => {
  const namespace = await AnyWatchedNamespace.create(stack);
  const from = await namespace.version();
  const first = await namespace.watch({ from });
  const [a = '', , c = ''] = await namespace.writeAll('a', 'b', 'c');
  await first.until(3);
  const past = await namespace.watch({ from: a });
  const present = await namespace.watch({ from: c });
  const ahead = await namespace.watch({ from: Number(c) + 5_000_000 });
  await namespace.writeAll('d', 'e');
  for (const watch of [first, past, present]) await watch.untilNamed('"e"');
  assert.deepEqual(
    [first, past, present].map(watch => watch.names()),
    [
      ['a', 'b', 'c', 'd', 'e'],
      ['b', 'c', 'd', 'e'],
      ['d', 'e'],
    ],
  );
  assert.deepEqual(ahead.names(), []);
  assert.equal(ahead.state(), 'open');
  // The client from the future may have its own watch.
  assert.ok((await namespace.upstream()).length <= 2);
});

test('bookmarks come as the API server sends them, in each form', embedded, async () => {
  for (const Accept of Object.values(forms)) {
    const namespace = embeddedNamespace();
    const query = '&allowWatchBookmarks=true';
    const question = { from: server.embedded.version, query, headers: { Accept } };
    const watches = await namespace.watchMany(2, question);
    const direct = await namespace.direct(question);
    for (const watch of [...watches, direct]) await watch.until(2);
    // Other tests at the same time change the version.
    const shape = (watch: WatchClient) =>
      watch
        .frames()
        .slice(0, 2)
        .map(frame => frame.toString('latin1').replace(/\d{4,}/, 'VERSION'));
    for (const watch of watches) assert.deepEqual(shape(watch), shape(direct));
  }
});

test('timeoutSeconds ends only the watch of its own client, cleanly, and the others continue', async () => {
  const namespace = await AnyWatchedNamespace.create(stack);
  const from = await namespace.version();
  const started = performance.now();
  const brief = await namespace.watch({ from, query: '&timeoutSeconds=1' });
  const long = await namespace.watch({ from, query: '&timeoutSeconds=300' });
  const endless = await namespace.watch({ from });
  assert.equal(await brief.ended, 'end');
  assert.ok(performance.now() - started > 900);
  await namespace.write('after');
  for (const watch of [long, endless]) await watch.untilNamed('after');
  assert.deepEqual(brief.frames(), []);
  assert.equal((await namespace.upstream()).length, 1);
});

test('an ERROR event for a version that is too old comes only to its client', embedded, async () => {
  const namespace = embeddedNamespace();
  const watch = await namespace.watch();
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const old = await namespace.watch({ from: 1 });
    assert.equal(old.status, 200);
    assert.equal(await old.ended, 'end');
    assert.equal(old.events()[0]?.object.code, 410);
    assert.match(old.events()[0]?.object.message ?? '', /^too old resource version: 1 \(\d+\)$/);
  }
  namespace.write('after');
  await watch.untilNamed('after');
});
