import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { anyApiServer, embedded } from '../../../support/any-api-server.js';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { AnyWatchedNamespace } from '../../../support/proxy/any-watched-namespace.js';
import { startStack } from '../../../support/proxy/stack.js';
import { forms, type NamespaceWatch, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

// At the embedded API server, bookmarks come often, so that most upstream watches begin with one.
const server = await anyApiServer({ after }, { bookmarkInterval: 50, bookmarkBeforeEnd: 500 });
const stack = await startStack({ after }, { server, flags: ['--share-watches'] });

/** A namespace of the embedded API server. */
const embeddedNamespace = () =>
  new WatchedNamespace({ server: server.embedded, proxy: { url: stack.proxy.url } });

/** Asserts that a watch has received, byte for byte, the same as a direct watch of the API server from the same version. */
async function assertSameAsDirect(
  namespace: AnyWatchedNamespace | WatchedNamespace,
  watch: WatchClient,
  question: NamespaceWatch,
  read: (bytes: Buffer) => string = bytes => bytes.toString('latin1'),
): Promise<void> {
  const direct = await namespace.direct(question);
  try {
    assert.equal(watch.headers['content-type'], direct.headers['content-type']);
    assert.equal(watch.headers['cache-control'], direct.headers['cache-control']);
    await eventually('the events at the API server', () => direct.frames().length >= watch.frames().length);
    assert.deepEqual(watch.frames().map(read), direct.frames().map(read));
    assert.equal(read(watch.bytes()), read(direct.bytes()));
  } finally {
    direct.close();
  }
}

/** The text of a Table without the ages of its objects, which grow until the API server writes it. */
function ageless(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/"\d+s"\],/g, '"AGE"],');
}

// One after the other: a test of these cuts every connection of the API server.
describe('events', { concurrency: false }, () => {
  for (const [form, Accept] of Object.entries(forms)) {
    test(
      `come as the API server sends them, to first, late and returning clients (${form})`,
      embedded,
      async () => {
        const namespace = embeddedNamespace();
        const from = server.embedded.version;
        const headers = { Accept };
        const clients: (readonly [WatchClient, number])[] = [];
        const join = async (version: number) =>
          clients.push([await namespace.watch({ from: version, headers }), version]);
        await join(from);
        await join(from);
        // A client that asks for bookmarks shows when the API server has sent one.
        const marked = await namespace.watch({ from, headers, query: '&allowWatchBookmarks=true' });
        await marked.until(1);
        const [one = 0] = namespace.writeAll('one', 'one');
        const two = namespace.write('two', {
          text: 'ünïcödé "quoted" \\ \n </script> \u2028',
          long: 'x'.repeat(70_000),
        });
        namespace.remove('one');
        await join(one);
        await join(two);
        await join(server.embedded.version);
        const [three] = namespace.writeAll('three', 'two');
        for (const [client] of clients) await client.untilNamed('three');
        namespace.write('last');
        for (const [client] of clients) await client.untilNamed('last');
        for (const [client, version] of clients) {
          await assertSameAsDirect(namespace, client, { from: version, headers });
        }
        assert.equal(clients[0]?.[0].frames().length, 7);
        assert.equal(namespace.upstream().length, 1);

        // Events from before the break are not sent again, and later events have the same form.
        server.embedded.cut();
        namespace.write('after');
        for (const [client] of clients) await client.untilNamed('after');
        await join(three as number);
        await join(server.embedded.version);
        namespace.write('finish');
        for (const [client, version] of clients) {
          // The columns of a Table have words such as `intended`.
          await client.untilNamed('finish');
          assert.equal(client.state(), 'open');
          await assertSameAsDirect(namespace, client, { from: version, headers });
        }
        // One client has a version from before the break. So the proxy opened a third watch from there, which serves all.
        assert.equal(namespace.upstream().length, 3);
      },
    );
  }

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
      for (const [client, from] of clients) {
        await client.untilNamed('last');
        await assertSameAsDirect(
          namespace,
          client,
          { from, headers },
          form === 'table' ? ageless : undefined,
        );
      }
      assert.equal(clients[0]?.[0].frames().length, 5);
      assert.equal((await namespace.upstream()).length, 1);
    });
  }

  test('of a selector show objects that start and stop matching, at the versions of their changes', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    const question = { from: await namespace.version(), query: '&fieldSelector=metadata.name%3Dmine' };
    const watches = await namespace.watchMany(2, question);
    await namespace.writeAll('mine', 'other', 'mine');
    await namespace.remove('mine');
    for (const watch of watches) {
      await watch.until(3);
      assert.deepEqual(
        watch.events().map(({ type }) => type),
        ['ADDED', 'MODIFIED', 'DELETED'],
      );
      await assertSameAsDirect(namespace, watch, question);
    }
  });

  test('come whole and in order if they are many and large', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    const from = await namespace.version();
    const watches = await namespace.watchMany(5, { from });
    const versions: string[] = [];
    for (let index = 0; index < 60; index += 1)
      versions.push(await namespace.write('large', { body: `${index}`.repeat(40_000) }));
    for (const watch of watches) {
      await watch.until(60);
      assert.deepEqual(
        watch.events().map(({ object }) => object.metadata.resourceVersion),
        versions,
      );
    }
  });
});

describe('a client that joins', { concurrency: true }, () => {
  const lines = (watch: WatchClient) => watch.lines().map(line => line.split(' ')[1]);

  test('in the past, at the present or ahead gets the events after its version, each once', async () => {
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
    assert.deepEqual([first, past, present].map(lines), [
      ['a', 'b', 'c', 'd', 'e'],
      ['b', 'c', 'd', 'e'],
      ['d', 'e'],
    ]);
    assert.deepEqual(lines(ahead), []);
    assert.equal(ahead.state(), 'open');
    // The client from the future may have its own watch.
    assert.ok((await namespace.upstream()).length <= 2);
  });

  test('a little ahead gets the events after its version, and none before it', embedded, async () => {
    const namespace = embeddedNamespace();
    const first = await namespace.watch();
    const before = namespace.write('a');
    await first.untilNamed('"a"');
    const ahead = await namespace.watch({ from: before + 100 });
    while (server.embedded.version < before + 90)
      server.embedded.write({ ...quietObject, metadata: { name: 'quiet' } });
    const names = Array.from({ length: 20 }, (_, index) => `n${index}-`);
    const versions = namespace.writeAll(...names);
    const newer = names.filter((_, index) => (versions[index] as number) > before + 100);
    assert.ok(newer.length > 0);
    await first.untilNamed(names.at(-1) as string);
    await ahead.untilNamed(names.at(-1) as string);
    assert.deepEqual(lines(ahead), newer);
  });

  test('before the version of the first client gets the earlier events too', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    const from = await namespace.version();
    const [, b = ''] = await namespace.writeAll('a', 'b', 'c');
    const late = await namespace.watch({ from: b });
    await late.untilNamed('"c"');
    const early = await namespace.watch({ from });
    await namespace.write('d');
    for (const watch of [late, early]) await watch.untilNamed('"d"');
    assert.deepEqual([late, early].map(lines), [
      ['c', 'd'],
      ['a', 'b', 'c', 'd'],
    ]);
    for (const [watch, version] of [
      [late, b],
      [early, from],
    ] as const) {
      await assertSameAsDirect(namespace, watch, { from: version });
    }
  });

  test('further in the past than 2,000 events gets all of them', embedded, async () => {
    const namespace = embeddedNamespace();
    const from = server.embedded.version;
    const first = await namespace.watch({ from });
    for (let index = 0; index < 2100; index += 1) namespace.write(`n${index}-`);
    await first.until(2100);
    const late = await namespace.watch({ from });
    namespace.write('last');
    for (const watch of [first, late]) {
      await watch.untilNamed('"last"');
      assert.equal(watch.frames().length, 2101);
    }
    assert.deepEqual(late.bytes(), first.bytes());
    assert.ok(namespace.upstream().length <= 2);
  });

  test('further in the past than 16 MB gets all of it', embedded, async () => {
    const namespace = embeddedNamespace();
    const from = server.embedded.version;
    const first = await namespace.watch({ from });
    const body = 'x'.repeat(1_000_000);
    for (let index = 0; index < 20; index += 1) namespace.write(`n${index}-`, { body });
    await first.until(20);
    const late = await namespace.watch({ from });
    namespace.write('last');
    for (const watch of [first, late]) await watch.untilNamed('"last"');
    assert.ok(late.bytes().equals(first.bytes()));
  });
});

/** Changes the version without an event for a test's watches. */
const quietObject = { apiVersion: 'v1', kind: 'Namespace' } as const;

describe('bookmarks', { concurrency: true }, () => {
  const asked = '&allowWatchBookmarks=true';

  test('come only to clients that asked for them, never before an older event', embedded, async () => {
    const namespace = embeddedNamespace();
    const from = server.embedded.version;
    const plain = await namespace.watch({ from });
    const refusing = await namespace.watch({ from, query: '&allowWatchBookmarks=false' });
    const asking = await namespace.watch({ from, query: asked });
    for (const name of ['a', 'b', 'c']) {
      const before = asking.frames().length;
      namespace.write(name);
      await asking.until(before + 3);
    }
    for (const watch of [plain, refusing]) {
      await watch.until(3);
      assert.deepEqual(
        watch.events().map(({ type }) => type),
        ['ADDED', 'ADDED', 'ADDED'],
      );
    }
    const versions = asking.events().map(({ object }) => Number(object.metadata.resourceVersion));
    assert.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
    );
    assert.equal(namespace.upstream().length, 1);
  });

  test('come as the API server sends them, in each form', embedded, async () => {
    for (const Accept of Object.values(forms)) {
      const namespace = embeddedNamespace();
      const question = { from: server.embedded.version, query: asked, headers: { Accept } };
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

  test('and events share the columns of a Table: the first of either has them', embedded, async () => {
    const namespace = embeddedNamespace();
    const headers = { Accept: forms.table };
    const from = server.embedded.version;
    const asking = await namespace.watch({ from, headers, query: asked });
    await asking.until(2);
    const plain = await namespace.watch({ from, headers });
    namespace.writeAll('a', 'b');
    await asking.untilNamed('"b"');
    await plain.until(2);
    for (const watch of [asking, plain]) {
      const [first, ...later] = watch.events();
      assert.equal(first?.object.columnDefinitions?.length, 3);
      for (const { object } of later) assert.equal(object.columnDefinitions, null);
    }
  });
});

/** Answers the watches of a namespace only with a head; the test sends the rest. */
function holdWatches(namespace: WatchedNamespace): { open: readonly ServerResponse[]; remove: () => void } {
  const open: ServerResponse[] = [];
  const remove = server.embedded.intercept((request, response) => {
    if (request.url?.startsWith(namespace.path) !== true) return false;
    response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
    open.push(response);
    return true;
  });
  return { open, remove };
}

describe('timeoutSeconds', { concurrency: true }, () => {
  test('applies only to its own client: its watch ends cleanly, and the others continue', async () => {
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

  test('of the first client does not end the upstream watch of the others', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    const from = await namespace.version();
    const watches = await namespace.watchMany(2, { from, query: '&timeoutSeconds=1' });
    const other = await namespace.watch({ from });
    for (const watch of watches) assert.equal(await watch.ended, 'end');
    await namespace.write('after');
    await other.untilNamed('after');
    assert.equal((await namespace.upstream()).length, 1);
  });
});

describe('an ERROR event', { concurrency: true }, () => {
  test('for a version that is too old comes only to its client', embedded, async () => {
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

  for (const code of [410, 504, 500]) {
    test(`of the API server (${code}) comes to every client and ends its watch`, embedded, async () => {
      const namespace = embeddedNamespace();
      const { open, remove } = holdWatches(namespace);
      const from = server.embedded.version;
      const watches = await namespace.watchMany(3, { from });
      watches.push(await namespace.watch({ from, query: '&allowWatchBookmarks=true' }));
      assert.equal(open.length, 1);
      const event = `{"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"${from + 1}"}}}\n`;
      const error = `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","code":${code}}}\n`;
      open[0]?.write(event);
      open[0]?.end(error);
      for (const watch of watches) {
        assert.equal(await watch.ended, 'end');
        assert.equal(String(watch.bytes()), event + error);
      }
      remove();
      const again = await namespace.watch();
      namespace.write('again');
      await again.untilNamed('again');
    });
  }
});

test('an event of thousands of pieces, with pauses between them, comes whole', embedded, async () => {
  const namespace = embeddedNamespace();
  const from = server.embedded.version;
  const event = `{"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"${from + 1}"},"data":{"text":"${'é'.repeat(3000)}"}}}\n`;
  const bytes = Buffer.from(event);
  const remove = server.embedded.intercept(async (request, response) => {
    if (request.url?.startsWith(namespace.path) !== true) return false;
    response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
    for (let at = 0; at < bytes.length; at += 3) {
      response.write(bytes.subarray(at, at + 3));
      if (at % 300 === 0) await delay(0);
    }
    return true;
  });
  for (const watch of await namespace.watchMany(2, { from })) {
    await watch.until(1);
    assert.deepEqual(watch.bytes(), bytes);
  }
  remove();
});

test('versions of events may be numbers of any length', embedded, async () => {
  const namespace = embeddedNamespace();
  const versions = [
    '9',
    '10',
    '9223372036854775807',
    '9223372036854775808',
    '18446744073709551615',
    '18446744073709551616',
    '99999999999999999999',
    `1${'0'.repeat(20)}`,
  ];
  const event = (version: string) =>
    `{"type":"MODIFIED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"${version}"}}}\n`;
  const { open, remove } = holdWatches(namespace);
  const first = await namespace.watch({ from: 8 });
  for (const version of versions) open[0]?.write(event(version));
  await first.until(versions.length);
  assert.equal(String(first.bytes()), versions.map(event).join(''));
  // A client that begins with a larger one has a watch of its own: kube-apiserver would reject it, or lose its highest bit.
  for (const [index, from] of versions.slice(0, 3).entries()) {
    const joined = await namespace.watch({ from });
    await joined.until(versions.length - index - 1);
    assert.equal(
      String(joined.bytes()),
      versions
        .slice(index + 1)
        .map(event)
        .join(''),
    );
  }
  assert.equal(open.length, 1);
  remove();
});

test(
  'a client whose version overflows at the API server has its own watch, and others go on sharing',
  embedded,
  async () => {
    const namespace = embeddedNamespace();
    const { open, remove } = holdWatches(namespace);
    const overflowing = await namespace.watch({ from: '18446744073709551615' });
    // As if it had begun "from now".
    const event = `{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1001"}}}\n`;
    open[0]?.write(event);
    await overflowing.until(1);
    for (const watch of await namespace.watchMany(3, { from: 1000 })) assert.equal(watch.state(), 'open');
    assert.equal(overflowing.state(), 'open');
    assert.equal(open.length, 2);
    remove();
  },
);
