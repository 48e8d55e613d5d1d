import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import { eventually } from '../../../support/eventually.js';
import { type FakeApiServer, startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { editKubeconfig, type KubeconfigEdit } from '../../../support/proxy/edited-kubeconfig.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { untilReviewed, type Watched, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';
import type { Scope } from '../../../support/scope.js';

const quietObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'quiet' } } as const;

const [http1, http2] = await Promise.all([
  startStack({ after }, { run: startInProcess, flags: ['--share-watches'], env: { DISABLE_HTTP2: '1' } }),
  startStack({ after }, { run: startInProcess, flags: ['--share-watches'] }),
]);

/** Clients that began at different versions, and one that asked for bookmarks. */
async function openClients(stack: Watched) {
  const namespace = new WatchedNamespace(stack);
  const from = stack.server.version;
  const watches = await namespace.watchMany(2, { from });
  const first = namespace.write('first');
  watches.push(await namespace.watch({ from: first }));
  watches.push(await namespace.watch({ from, query: '&allowWatchBookmarks=true' }));
  for (const watch of watches) if (watch !== watches[2]) await watch.untilNamed('first');
  assert.equal(namespace.upstream().length, 1);
  return { server: stack.server, namespace, from, watches };
}

type Clients = Awaited<ReturnType<typeof openClients>>;

/** Asserts that clients have noticed nothing: their watches are open, and each has received every event once. */
async function assertUnnoticed({ namespace, watches }: Clients, expected: readonly string[]): Promise<void> {
  namespace.write('last');
  for (const watch of watches) await watch.untilNamed('"last"');
  const all = [...expected, 'last'];
  assert.deepEqual(
    watches.map(watch => watch.names()),
    [['first', ...all], ['first', ...all], all, ['first', ...all]],
  );
  assert.deepEqual(
    watches.map(watch => watch.state()),
    watches.map(() => 'open'),
  );
  for (const watch of watches) watch.close();
}

/** Answers the next watches of a namespace otherwise, one after the other. Resolves when each answer is given. */
async function answer(
  { server, namespace: { path } }: Clients,
  ...answers: ((response: ServerResponse) => void)[]
): Promise<void> {
  const remove = server.intercept((request, response) => {
    const next = request.url?.includes(path) === true ? answers.shift() : undefined;
    next?.(response);
    return next !== undefined;
  });
  server.cut();
  await eventually('all answers', () => answers.length === 0);
  remove();
}

/** What an API server does to a watch. Each returns the names of the objects that it has written besides. */
const losses: Readonly<Record<string, (clients: Clients) => Promise<readonly string[]>>> = {
  async 'is of an API server that is killed and started again'({ server, namespace }) {
    await server.kill();
    namespace.writeAll('a', 'b');
    await server.restart();
    await namespace.untilUpstream(1);
    namespace.write('c');
    return ['a', 'b', 'c'];
  },
  async 'is of an API server that stops cleanly and is started again'({ server, namespace }) {
    await server.close();
    namespace.write('a');
    await server.restart();
    return ['a'];
  },
  async 'is cut, ended cleanly, and cut again'({ server, namespace, watches }) {
    const ends = [() => server.cut(), () => server.endWatches(), () => server.cut()];
    for (const [index, end] of ends.entries()) {
      end();
      namespace.write(`n${index}`);
      for (const watch of watches) await watch.untilNamed(`"n${index}"`);
    }
    assert.equal(namespace.upstream().length, 4);
    return ['n0', 'n1', 'n2'];
  },
  async 'is cut in the middle of an event'(clients) {
    const half = `{"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"half","resourceVersion":"${clients.server.version + 1}`;
    const breakOff = (response: ServerResponse) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.write(half, () => response.destroy());
    };
    await answer(clients, breakOff, breakOff);
    clients.namespace.write('whole');
    return ['whole'];
  },
  async 'gets a 503, 429, 500 and 504 at first when it is opened again'(clients) {
    const refusals = [503, 429, 500, 504].map(code => (response: ServerResponse) => {
      response.writeHead(code, { 'Content-Type': 'application/json' }).end('{"kind":"Status"}\n');
    });
    await answer(clients, ...refusals);
    return [];
  },
};

for (const [version, stack] of [
  ['HTTP/1.1', http1],
  ['HTTP/2', http2],
] as const) {
  describe(`clients notice nothing if the upstream watch over ${version}`, { concurrency: false }, () => {
    for (const [what, lose] of Object.entries(losses)) {
      test(what, async () => {
        const clients = await openClients(stack);
        await assertUnnoticed(clients, await lose(clients));
      });
    }
  });
}

test('a GOAWAY does not affect an upstream watch, and clients do not notice its end either', async () => {
  const clients = await openClients(http2);
  http2.server.goAway();
  clients.namespace.write('a');
  for (const watch of clients.watches) await watch.untilNamed('"a"');
  http2.server.endWatches();
  clients.namespace.write('b');
  await assertUnnoticed(clients, ['a', 'b']);
});

test('a client that joins while the API server is down waits for it and gets all events', async () => {
  const clients = await openClients(http2);
  await http2.server.kill();
  const joining = clients.namespace.watch();
  clients.namespace.write('a');
  await http2.server.restart();
  const joined = await joining;
  if (joined.status === 200) {
    await joined.untilNamed('"a"');
    assert.deepEqual(joined.names(), ['a']);
  } else {
    // It may get the same error that its own watch would get.
    assert.equal(joined.status, 502);
  }
  await assertUnnoticed(clients, ['a']);
});

describe('an API server that has dropped its history', { concurrency: false }, () => {
  test('ends every client with its 410 Expired', async () => {
    const clients = await openClients(http2);
    await http2.server.kill();
    clients.namespace.writeAll('a', 'b');
    http2.server.compact();
    await http2.server.restart();
    for (const watch of clients.watches) {
      assert.equal(await watch.ended, 'end');
      const last = watch.events().at(-1);
      assert.deepEqual([last?.type, last?.object.kind, last?.object.code], ['ERROR', 'Status', 410]);
      assert.deepEqual(
        watch.names().filter(name => name !== undefined),
        watch === clients.watches[2] ? [] : ['first'],
      );
    }
    const again = await clients.namespace.watch();
    clients.namespace.write('again');
    await again.untilNamed('again');
  });

  test('does not end a client that comes later with a version that is not too old', async () => {
    const clients = await openClients(http2);
    const { server } = http2;
    let held = 0;
    const remove = server.intercept((request, response) => {
      if (request.url?.includes(`${clients.namespace.path}?`) !== true) return false;
      if (request.url.includes(`resourceVersion=${server.version}`)) return false;
      held += 1;
      response.writeHead(503, { 'Content-Type': 'application/json' }).end('{"kind":"Status"}\n');
      return true;
    });
    server.write(quietObject);
    server.endWatches();
    server.compact();
    await eventually('a refusal', () => held > 0);
    const late = await clients.namespace.watch();
    assert.equal(late.status, 200);
    remove();
    for (const watch of clients.watches) {
      assert.equal(await watch.ended, 'end');
      assert.equal(watch.events().at(-1)?.object.code, 410);
    }
    clients.namespace.write('later');
    await late.untilNamed('later');
    assert.deepEqual(late.names(), ['later']);
  });
});

test('after a restore of its store, clients get the same from the API server directly and through the proxy', async () => {
  const { server } = http2;
  const backup = server.backup();
  const clients = await openClients(http2);
  clients.namespace.writeAll('a', 'b', 'c');
  for (const watch of clients.watches) await watch.untilNamed('"c"');
  const { version } = server;
  await server.kill();
  server.restore(backup);
  await server.restart();
  const direct = await clients.namespace.direct({ from: version });
  await eventually(
    'an end, or another upstream watch',
    () =>
      clients.watches.every(watch => watch.state() !== 'open') || clients.namespace.openUpstream().length > 0,
  );
  // A real API server is silent until its versions have passed the client's.
  while (server.version < version) server.write(quietObject);
  clients.namespace.write('later');
  await direct.untilNamed('later');
  for (const watch of clients.watches) {
    await watch.untilNamed('later');
    assert.deepEqual(watch.frames().at(-1), direct.frames().at(-1));
  }
});

test('after a restore of its store, new clients get no event of the time before', async () => {
  const { server } = http2;
  const namespace = new WatchedNamespace(http2);
  const backup = server.backup();
  const { version } = server;
  const watch = await namespace.watch();
  namespace.writeAll('old-a', 'old-b', 'old-c');
  await watch.untilNamed('old-c');
  await server.kill();
  server.restore(backup);
  await server.restart();
  assert.equal(server.version, version);
  await namespace.untilUpstream(1);
  const [joined, direct] = await Promise.all([namespace.watch(), namespace.direct()]);
  namespace.writeAll('new-a', 'new-b', 'new-c', 'new-d');
  for (const client of [joined, direct]) await client.untilNamed('new-d');
  assert.deepEqual(joined.names(), direct.names());
  for (const client of [watch, joined, direct]) client.close();
});

/** A stack whose kubeconfig's user has the token `one`, and a way to change the kubeconfig, which waits until the program has read it. */
async function startWithToken(scope: Scope) {
  const groups = ['system:masters'];
  const tokens = { one: { username: 'one', groups }, two: { username: 'two', groups } };
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  scope.after(() => server.kill());
  const run = { run: startInProcess, flags: ['--share-watches'] };
  const stack = await startStack(scope, { ...run, server, user: { token: 'one' } });
  await untilReviewed(stack, 'one');
  const edit = async (edited: KubeconfigEdit) => {
    await editKubeconfig(stack.kubeconfig, edited);
    await eventually('the reload', () =>
      stack.proxy.log().some(({ msg }) => msg === 'configuration reloaded'),
    );
  };
  return { ...stack, tokens, edit };
}

describe('a kubeconfig that changes', { concurrency: true }, () => {
  const identities: Readonly<Record<string, readonly [Readonly<Record<string, unknown>>, string, string]>> = {
    'another user': [{ token: 'two' }, 'authorization', 'Bearer two'],
    impersonation: [{ as: 'jane', 'as-groups': ['system:masters'] }, 'impersonate-user', 'jane'],
  };
  for (const [what, [user, field, value]] of Object.entries(identities)) {
    test(`to ${what} cuts clients when the upstream watch ends, and no new client joins them`, async t => {
      const stack = await startWithToken(t);
      const clients = await openClients(stack);
      await stack.edit({ user });
      const again = await clients.namespace.watch({ from: clients.from });
      stack.server.cut();
      for (const watch of clients.watches) assert.equal(await watch.ended, 'cut');
      clients.namespace.write('again');
      await again.untilNamed('again');
      const [first, ...later] = clients.namespace.upstream().map(({ headers }) => headers[field]);
      assert.notEqual(first, value);
      assert.ok(later.length > 0);
      for (const one of later) assert.equal(one, value);
    });
  }

  test('to another server cuts them too, even if its versions would fit', async t => {
    const stack = await startWithToken(t);
    const other: FakeApiServer = await startFakeApiServer({
      clientCertificates: 'optional',
      tokens: stack.tokens,
    });
    t.after(() => other.kill());
    const clients = await openClients(stack);
    await stack.edit({ cluster: { server: other.url } });
    await stack.server.kill();
    for (const watch of clients.watches) assert.equal(await watch.ended, 'cut');
    assert.deepEqual(other.watches, []);
    const moved = new WatchedNamespace({ server: other, proxy: stack.proxy });
    const watch = await moved.watch();
    moved.write('there');
    await watch.untilNamed('there');
  });

  test('without a relevant difference is not noticed', async t => {
    const stack = await startWithToken(t);
    const clients = await openClients(stack);
    await stack.edit({ cluster: { extensions: [] } });
    stack.server.cut();
    clients.namespace.write('a');
    await assertUnnoticed(clients, ['a']);
  });
});
