import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openWatch, type WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { type FakeApiServer, startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { editKubeconfig, type KubeconfigEdit } from '../../../support/proxy/edited-kubeconfig.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { type StackOptions, startStack } from '../../../support/proxy/stack.js';
import { forms, type Watched, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';
import type { Scope } from '../../../support/scope.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const quietObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'quiet' } } as const;

function start(scope: Scope, options: Omit<StackOptions, 'run'> = {}) {
  const { flags = [], ...rest } = options;
  return startStack(scope, { ...rest, flags: ['--share-watches', ...flags], run: startInProcess });
}

/** A stack whose program has a clock that stands still until the test moves it. */
async function startWithClock(scope: Scope) {
  const clock = new ManualClock(Date.now());
  const run: typeof startInProcess = (programScope, args, env) =>
    startInProcess(programScope, args, env, { clock });
  return { clock, ...(await startStack(scope, { flags: ['--share-watches'], run })) };
}

const [http1, http2] = await Promise.all([
  startStack({ after }, { flags: ['--share-watches'], env: { DISABLE_HTTP2: '1' } }),
  startStack({ after }, { flags: ['--share-watches'] }),
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
  return { namespace, from, watches };
}

/** Names of the objects in a watch's events, without bookmarks. */
function names(watch: WatchClient): (string | undefined)[] {
  return watch
    .events()
    .filter(({ type }) => type !== 'BOOKMARK')
    .map(({ object }) => object.metadata.name);
}

/** Asserts that clients have noticed nothing: their watches are open, and each has received every event once. */
async function assertUnnoticed(
  { namespace, watches }: Awaited<ReturnType<typeof openClients>>,
  expected: readonly string[],
): Promise<void> {
  namespace.write('last');
  for (const watch of watches) await watch.untilNamed('"last"');
  const all = [...expected, 'last'];
  assert.deepEqual(watches.map(names), [['first', ...all], ['first', ...all], all, ['first', ...all]]);
  assert.deepEqual(
    watches.map(watch => watch.state()),
    watches.map(() => 'open'),
  );
  for (const watch of watches) watch.close();
}

for (const [version, stack] of [
  ['HTTP/1.1', http1],
  ['HTTP/2', http2],
] as const) {
  const { server } = stack;
  describe(`clients notice nothing if the upstream watch over ${version}`, { concurrency: false }, () => {
    test('is of an API server that is killed and started again', async () => {
      const clients = await openClients(stack);
      await server.kill();
      clients.namespace.writeAll('a', 'b');
      await server.restart();
      await clients.namespace.untilUpstream(1);
      clients.namespace.write('c');
      await assertUnnoticed(clients, ['a', 'b', 'c']);
    });

    test('is of an API server that stops cleanly and is started again', async () => {
      const clients = await openClients(stack);
      await server.close();
      clients.namespace.write('a');
      await server.restart();
      await assertUnnoticed(clients, ['a']);
    });

    test('is cut, ended cleanly, and cut again', async () => {
      const clients = await openClients(stack);
      for (const [index, end] of [
        () => server.cut(),
        () => server.endWatches(),
        () => server.cut(),
      ].entries()) {
        end();
        clients.namespace.write(`n${index}`);
        for (const watch of clients.watches) await watch.untilNamed(`"n${index}"`);
      }
      assert.equal(clients.namespace.upstream().length, 4);
      await assertUnnoticed(clients, ['n0', 'n1', 'n2']);
    });

    test('is cut in the middle of an event', async () => {
      const clients = await openClients(stack);
      const next = server.version + 1;
      let broken = 0;
      const remove = server.intercept((request, response) => {
        if (request.url?.includes(clients.namespace.path) !== true || broken > 1) return false;
        broken += 1;
        const half = `{"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"half","resourceVersion":"${next}`;
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.write(half, () => response.destroy());
        return true;
      });
      server.cut();
      await eventually('two broken watches', () => broken === 2);
      clients.namespace.write('whole');
      await assertUnnoticed(clients, ['whole']);
      remove();
    });

    test('gets a 503, 429 and 500 at first when it is opened again', async () => {
      const clients = await openClients(stack);
      const codes = [503, 429, 500, 504];
      const remove = server.intercept((request, response) => {
        if (request.url?.includes(clients.namespace.path) !== true) return false;
        const code = codes.shift();
        if (code === undefined) return false;
        response.writeHead(code, { 'Content-Type': 'application/json' }).end('{"kind":"Status"}\n');
        return true;
      });
      server.endWatches();
      clients.namespace.write('a');
      await assertUnnoticed(clients, ['a']);
      assert.deepEqual(codes, []);
      remove();
    });
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

test('clients notice nothing of the API server’s own timeouts', async t => {
  const stack = await start(t, { server: { watchTimeout: [20, 60] } });
  const namespace = new WatchedNamespace(stack);
  const from = stack.server.version;
  const watches = await namespace.watchMany(2, { from });
  const expected: string[] = [];
  while (namespace.upstream().length < 4) {
    expected.push(`n${expected.length}-`);
    namespace.write(expected.at(-1) as string);
    for (const watch of watches) await watch.untilNamed(`"${expected.at(-1)}"`);
  }
  for (const watch of watches) {
    assert.deepEqual(names(watch), expected);
    assert.equal(watch.state(), 'open');
  }
});

test('the clients of a Table get no columns again after a resumption, and new clients then get them once', async () => {
  const namespace = new WatchedNamespace(http2);
  const headers = { Accept: forms.table };
  const watch = await namespace.watch({ headers });
  namespace.write('a');
  await watch.untilNamed('"a"');
  await http2.server.restart();
  const joined = await namespace.watch({ headers });
  namespace.writeAll('b', 'c');
  for (const client of [watch, joined]) await client.untilNamed('"c"');
  const columns = (client: WatchClient) =>
    client.events().map(({ object }) => object.columnDefinitions?.length ?? null);
  assert.deepEqual(columns(watch), [3, null, null]);
  assert.deepEqual(columns(joined), [3, null]);
});

test('clients of Tables are cut if a break has changed the columns, and their next watch has the new ones', async t => {
  const { server, proxy } = await start(t);
  const columns = [['Name'], ['Name', 'Status']];
  let asked = 0;
  let open: ServerResponse | undefined;
  server.intercept((request, response) => {
    if (request.url?.includes('/widgets?') !== true) return false;
    const [names, version] = [columns[Math.min(asked, 1)], 101 + asked];
    asked += 1;
    const definitions = names?.map(name => ({ name, type: 'string' }));
    const metadata = { resourceVersion: String(version) };
    const table = {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      columnDefinitions: definitions,
      rows: [],
    };
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.write(`${JSON.stringify({ type: 'ADDED', object: table })}\n`);
    open = response;
    return true;
  });
  const url = `${proxy.url}/apis/example.com/v1/widgets?watch=true&resourceVersion=100`;
  const watch = await openWatch(url, { headers: { Accept: forms.table } });
  await watch.until(1);
  open?.end();
  await watch.ended;
  const again = await openWatch(url, { headers: { Accept: forms.table } });
  await again.until(1);
  const shown = (client: WatchClient) =>
    client.events().map(({ object }) => object.columnDefinitions?.length);
  assert.deepEqual([shown(watch), shown(again)], [[1], [2]]);
  again.close();
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
    assert.deepEqual(names(joined), ['a']);
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
        names(watch).filter(name => name !== undefined),
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
    assert.deepEqual(names(late), ['later']);
  });

  test('has no effect if bookmarks have kept the version recent', async t => {
    const stack = await start(t, { server: { bookmarkInterval: 20 } });
    const clients = await openClients(stack);
    stack.server.write(quietObject);
    const { version } = stack.server;
    const isFresh = () =>
      clients.watches[3]
        ?.events()
        .some(
          ({ type, object }) => type === 'BOOKMARK' && Number(object.metadata.resourceVersion) >= version,
        );
    await eventually('a bookmark of the new version', () => isFresh() === true);
    await stack.server.kill();
    stack.server.compact();
    await stack.server.restart();
    await clients.namespace.untilUpstream(1);
    await assertUnnoticed(clients, []);
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
  assert.deepEqual(names(joined), names(direct));
  for (const client of [watch, joined, direct]) client.close();
});

describe('an API server that rejects the watch from now on', { concurrency: false }, () => {
  for (const code of [401, 403, 404]) {
    test(`with ${code} ends its clients, and a client that comes then gets this answer`, async () => {
      const clients = await openClients(http2);
      const body = `{"kind":"Status","code":${code}}\n`;
      const remove = http2.server.intercept((request, response) => {
        if (request.url?.includes(clients.namespace.path) !== true) return false;
        response.writeHead(code, { 'Content-Type': 'application/json' }).end(body);
        return true;
      });
      http2.server.endWatches();
      for (const watch of clients.watches) {
        await watch.ended;
        assert.deepEqual(names(watch), watch === clients.watches[2] ? [] : ['first']);
      }
      const late = await clients.namespace.watch();
      assert.equal(late.status, code);
      remove();
      const again = await clients.namespace.watch();
      clients.namespace.write('again');
      await again.untilNamed('again');
    });
  }
});

describe('if the watch cannot be resumed', { concurrency: true }, () => {
  test('clients are cut after 30 s, and not before', async t => {
    const { clock, ...stack } = await startWithClock(t);
    const clients = await openClients(stack);
    const before = clock.pending;
    await stack.server.kill();
    await eventually('the loss', () => clock.pending > before);
    clock.advance(29_999);
    // One timer is for the 30 s, and one for the next attempt.
    await eventually('another attempt', () => clock.pending >= before + 2);
    assert.deepEqual(
      clients.watches.map(watch => watch.state()),
      clients.watches.map(() => 'open'),
    );
    clock.advance(1);
    for (const watch of clients.watches) assert.equal(await watch.ended, 'cut');
    await stack.server.restart();
    const again = await clients.namespace.watch();
    clients.namespace.write('again');
    await again.untilNamed('again');
  });

  test('clients are cut too if the API server accepts connections but does not answer', async t => {
    const { clock, ...stack } = await startWithClock(t);
    const clients = await openClients(stack);
    const before = clock.pending;
    const held: ServerResponse[] = [];
    stack.server.intercept((request, response) => {
      if (request.url?.includes(clients.namespace.path) !== true) return false;
      held.push(response);
      return true;
    });
    stack.server.endWatches();
    await eventually('the loss', () => clock.pending > before);
    clock.advance(0);
    await eventually('another attempt', () => held.length === 1);
    clock.advance(30_000);
    for (const watch of clients.watches) assert.equal(await watch.ended, 'cut');
    for (const response of held) response.destroy();
  });
});

/** Tokens of one service account. */
const [formerToken = '', renewedToken = ''] = ['a', 'b'].map(jti => {
  const claims = JSON.stringify({ iss: 'issuer', sub: 'system:serviceaccount:default:proxy', jti });
  return `e30.${Buffer.from(claims).toString('base64url')}.c2ln`;
});

/** A stack whose kubeconfig's user has a token. */
async function startWithTokens(scope: Scope, user: Readonly<Record<string, unknown>>) {
  const groups = ['system:masters'];
  const tokens = {
    one: { username: 'one', groups },
    [formerToken]: { username: 'one', groups },
    [renewedToken]: { username: 'one', groups },
    two: { username: 'two', groups },
  } as Record<string, { username: string; groups: string[] }>;
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  scope.after(() => server.kill());
  const stack = await start(scope, { server, user });
  /** Changes the kubeconfig, and waits until the program has read it. */
  const edit = async (edited: KubeconfigEdit) => {
    await editKubeconfig(stack.kubeconfig, edited);
    await eventually('the reload', () =>
      stack.proxy.log().some(({ msg }) => msg === 'configuration reloaded'),
    );
  };
  return { ...stack, tokens, edit };
}

describe('a kubeconfig that changes', { concurrency: true }, () => {
  test('to a new token of the same account does not end it: a rotated credential is the same identity', async t => {
    const folder = temporaryFolder();
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, formerToken);
    const stack = await startWithTokens(t, { tokenFile });
    const clients = await openClients(stack);
    await writeFile(`${tokenFile}.new`, renewedToken);
    await rename(`${tokenFile}.new`, tokenFile);
    delete stack.tokens[formerToken];
    stack.server.cut();
    clients.namespace.write('a');
    await assertUnnoticed(clients, ['a']);
    assert.equal(clients.namespace.upstream().at(-1)?.headers['authorization'], `Bearer ${renewedToken}`);
  });

  test('to another user’s token that does not name its user cuts clients', async t => {
    const folder = temporaryFolder();
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'one');
    const stack = await startWithTokens(t, { tokenFile });
    const clients = await openClients(stack);
    await writeFile(`${tokenFile}.new`, 'two');
    await rename(`${tokenFile}.new`, tokenFile);
    delete stack.tokens['one'];
    stack.server.cut();
    for (const watch of clients.watches) assert.equal(await watch.ended, 'cut');
    const again = await clients.namespace.watch();
    clients.namespace.write('again');
    await again.untilNamed('again');
    assert.equal(clients.namespace.upstream().at(-1)?.headers['authorization'], 'Bearer two');
  });

  test('to another user cuts clients when the upstream watch ends, and no new client joins them', async t => {
    const stack = await startWithTokens(t, { token: 'one' });
    const clients = await openClients(stack);
    await stack.edit({ user: { token: 'two' } });
    const again = await clients.namespace.watch({ from: clients.from });
    assert.equal(clients.namespace.upstream().length, 2);
    assert.equal(clients.namespace.upstream().at(-1)?.headers['authorization'], 'Bearer two');
    stack.server.cut();
    for (const watch of clients.watches) assert.equal(await watch.ended, 'cut');
    clients.namespace.write('again');
    await again.untilNamed('again');
  });

  test('to impersonation cuts them too', async t => {
    const stack = await startWithTokens(t, { token: 'one' });
    const clients = await openClients(stack);
    await stack.edit({ user: { as: 'jane', 'as-groups': ['system:masters'] } });
    await clients.namespace.watch();
    assert.equal(clients.namespace.upstream().at(-1)?.headers['impersonate-user'], 'jane');
    stack.server.endWatches();
    for (const watch of clients.watches) assert.equal(await watch.ended, 'cut');
    const identities = clients.namespace.upstream().map(({ headers }) => headers['impersonate-user']);
    assert.deepEqual(identities.slice(0, 2), [undefined, 'jane']);
    assert.ok(identities.slice(2).every(user => user === 'jane'));
  });

  test('to another server cuts them too, even if its versions would fit', async t => {
    const stack = await startWithTokens(t, { token: 'one' });
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
    const stack = await startWithTokens(t, { token: 'one' });
    const clients = await openClients(stack);
    await stack.edit({ cluster: { extensions: [] } });
    stack.server.cut();
    clients.namespace.write('a');
    await assertUnnoticed(clients, ['a']);
  });
});
