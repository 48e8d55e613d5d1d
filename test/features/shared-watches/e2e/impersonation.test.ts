import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLeadGateway, targets } from '../../../support/proxy/lead-gateway.js';
import { WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

test('a shared watch of another user has the events of that user, is opened once for all callers who may act as it, and for nobody else', async t => {
  const { proxy, server, clock } = await startLeadGateway(t, { flags: ['--share-watches'] });
  const namespace = new WatchedNamespace({ server, proxy });
  const from = server.version;
  const open = async (token: string, user?: string) => {
    const acting = user !== undefined && { 'Impersonate-User': user };
    const headers = { Authorization: `Bearer ${token}`, ...acting };
    const watch = await namespace.watch({ from, headers });
    t.after(() => watch.close());
    return watch;
  };
  const alice = await open('lead-token', 'alice');
  assert.equal((await open('lead-again', 'alice')).status, 200);
  assert.equal(namespace.upstream().length, 1);
  assert.equal((await open('lead-token', 'bob')).status, 200);
  assert.equal((await open('alice-token')).status, 200);
  const users = namespace.upstream().map(({ impersonated }) => impersonated?.username);
  assert.deepEqual(users, ['alice', 'bob', 'alice']);
  for (const token of ['peer-token', 'lead-in-ops', 'lead-with-uid'])
    assert.equal((await open(token, 'alice')).status, 403, token);
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
