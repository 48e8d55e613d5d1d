import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { shownChanges, untilListed } from '../../../support/clients/initial-events.js';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startGateway } from '../../../support/proxy/stack.js';
import { type NamespaceWatch, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

/** Users that may no longer watch. */
const denied = new Set<string>();

const names = ['alice', 'bob', 'carol', 'dave'];
const { server, proxy } = await startGateway(
  { after },
  {
    run: startInProcess,
    tokenFile: names.map(name => `${name}-token,${name},,"dev"\n${name}-other,${name},,"ops"\n`).join(''),
    flags: ['--share-watches'],
    server: {
      allow: (user, { verb }) =>
        user.username === 'proxy' ? verb === 'impersonate' : verb !== 'watch' || !denied.has(user.username),
    },
  },
);

function as(token: string): NamespaceWatch {
  return { initial: true, headers: { Authorization: `Bearer ${token}` } };
}

function twoObjects(): WatchedNamespace {
  const namespace = new WatchedNamespace({ server, proxy });
  namespace.writeAll('b', 'a');
  return namespace;
}

/** Users and groups of the watches at the API server, without those that differ in nothing. */
function upstreamIdentities(namespace: WatchedNamespace): string[] {
  const all = namespace
    .openUpstream()
    .map(({ headers }) => `${headers['impersonate-user']} ${headers['impersonate-group']}`);
  return [...new Set(all)].sort();
}

async function open(namespace: WatchedNamespace, tokens: readonly string[]): Promise<WatchClient[]> {
  const watches = await Promise.all(tokens.map(token => namespace.watch(as(token))));
  for (const watch of watches) {
    assert.equal(watch.status, 200);
    await untilListed(watch);
  }
  return watches;
}

describe('watches that begin with the objects', { concurrency: false }, () => {
  test('are separate for two users and for two groups of one user, also if they come at the same time', async () => {
    const namespace = twoObjects();
    const tokens = ['alice-token', 'alice-other', 'bob-token'];
    const release = server.initialEvents.hold(1);
    const opening = open(namespace, [...tokens, ...tokens]);
    await eventually('three users at the API server', () => upstreamIdentities(namespace).length === 3);
    release();
    const watches = await opening;
    assert.deepEqual(upstreamIdentities(namespace), [
      'alice dev, system:authenticated',
      'alice ops, system:authenticated',
      'bob dev, system:authenticated',
    ]);
    await namespace.untilUpstream(3);
    namespace.write('c');
    for (const watch of watches) {
      await watch.untilNamed('"c"');
      assert.deepEqual(shownChanges(watch), ['ADDED a', 'ADDED b', 'END', 'ADDED c']);
      watch.close();
    }
  });

  test('are refused to a user who has lost the right, even if the same user shares one', async t => {
    const namespace = twoObjects();
    const [first] = (await open(namespace, ['carol-token'])) as [WatchClient];
    denied.add('carol');
    t.after(() => denied.delete('carol'));
    const watch = await namespace.watch(as('carol-token'));
    assert.equal(watch.status, 403);
    await watch.ended;
    assert.match(String(watch.bytes()), /User \\"carol\\" cannot watch resource/);
    namespace.write('c');
    await first.untilNamed('"c"');
    first.close();
  });

  test('are refused to a user who loses the right while they wait for the next stream', async t => {
    const namespace = twoObjects();
    const release = server.initialEvents.hold(1);
    const first = await namespace.watch(as('dave-token'));
    await first.until(1);
    denied.add('dave');
    t.after(() => denied.delete('dave'));
    const late = await Promise.all([1, 2, 3].map(() => namespace.watch(as('dave-token'))));
    for (const watch of late) assert.equal(watch.status, 403);
    release();
    await untilListed(first);
    assert.deepEqual(shownChanges(first), ['ADDED a', 'ADDED b', 'END']);
    first.close();
  });

  test('with Impersonate-* headers join no other client', async () => {
    const namespace = twoObjects();
    const [watch] = (await open(namespace, ['alice-token'])) as [WatchClient];
    for (const [name, value] of [
      ['Impersonate-User', 'alice'],
      ['X-Remote-User', 'alice'],
      ['Impersonate-Group', 'dev'],
    ] as const) {
      const question = as('bob-token');
      const other = await namespace.watch({ ...question, headers: { ...question.headers, [name]: value } });
      const { headers } = namespace.upstream().at(-1) ?? assert.fail();
      if (other.status === 200) assert.equal(headers['impersonate-user'], 'bob');
      other.close();
    }
    watch.close();
  });
});
