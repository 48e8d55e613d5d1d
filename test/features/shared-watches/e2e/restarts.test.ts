import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { type Watched, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

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
  return { server: stack.server, namespace, watches };
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
