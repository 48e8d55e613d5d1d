import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { startLeadGateway, targets } from '../../../support/proxy/lead-gateway.js';
import { WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

describe('a shared watch of another user', () => {
  const watchers: WatchClient[] = [];

  test('has the events of that user, is opened once for all callers who may act as it, and for nobody else', async t => {
    const { proxy, server, clock } = await startLeadGateway(t, { args: ['--share-watches'] });
    const namespace = new WatchedNamespace({ server, proxy });
    const from = server.version;
    const open = async (token: string, user?: string) => {
      const watch = await namespace.watch({
        from,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(user !== undefined && { 'Impersonate-User': user }),
        },
      });
      watchers.push(watch);
      return watch;
    };
    t.after(() => {
      for (const watch of watchers) watch.close();
    });
    const alice = await open('lead-token', 'alice');
    assert.equal((await open('lead-again', 'alice')).status, 200);
    assert.equal(namespace.upstream().length, 1);
    assert.equal((await open('lead-token', 'bob')).status, 200);
    assert.equal((await open('alice-token')).status, 200);
    assert.deepEqual(
      namespace.upstream().map(({ impersonated }) => impersonated?.username),
      ['alice', 'bob', 'alice'],
    );
    for (const token of ['peer-token', 'lead-in-ops', 'lead-with-uid']) {
      assert.equal((await open(token, 'alice')).status, 403, token);
    }
    assert.equal((await open('lead-token')).status, 403, 'lead itself may watch nothing');
    namespace.write('seen');
    await alice.untilNamed('seen');

    targets.delete('alice');
    clock.advance(10_000);
    assert.equal((await open('lead-token', 'alice')).status, 403);
    namespace.write('later');
    await alice.untilNamed('later');
    targets.add('alice');
    const before = namespace.upstream().length;
    assert.equal((await open('lead-token', 'alice')).status, 200);
    assert.equal(namespace.upstream().length, before, 'it joins the watch that is open');
  });
});

test('initial events of a shared watch go to nobody who may not act as its user now', async t => {
  const { proxy, server, clock } = await startLeadGateway(t, { args: ['--share-watches'] });
  const namespace = new WatchedNamespace({ server, proxy });
  namespace.write('first');
  const query = '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const open = async (token: string, user?: string) => {
    const headers = {
      Authorization: `Bearer ${token}`,
      ...(user !== undefined && { 'Impersonate-User': user }),
    };
    const watch = await namespace.watch({ query, headers });
    t.after(() => watch.close());
    return watch;
  };
  for (const token of ['lead-token', 'lead-again']) await (await open(token, 'alice')).untilNamed('first');
  for (const token of ['peer-token', 'lead-in-ops', 'lead-with-uid']) {
    assert.equal((await open(token, 'alice')).status, 403, token);
  }
  assert.equal((await open('lead-token')).status, 403);
  targets.delete('alice');
  clock.advance(10_000);
  assert.equal((await open('lead-token', 'alice')).status, 403);
  const users = namespace.upstream().map(({ impersonated }) => impersonated?.username);
  assert.deepEqual(new Set(users), new Set(['alice', 'lead']));
});
