import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { proxyToken } from '../../../support/identities/two-users.js';
import { startLeadGateway, targets } from '../../../support/proxy/lead-gateway.js';
import {
  type NamespaceWatch,
  untilReviewed,
  WatchedNamespace,
} from '../../../support/proxy/watched-namespace.js';
import type { Scope } from '../../../support/scope.js';

/** A program that the lead and its peers use, and a way to open watches as one of them, who may act as another user. */
async function start(scope: Scope, question: NamespaceWatch = {}) {
  const { proxy, server, clock } = await startLeadGateway(scope, { flags: ['--share-watches'] });
  const ofAlice = { Authorization: 'Bearer lead-token', 'Impersonate-User': 'alice' };
  await untilReviewed({ server, proxy }, proxyToken, { headers: ofAlice });
  const namespace = new WatchedNamespace({ server, proxy });
  const from = server.version;
  const open = async (token: string, user?: string): Promise<WatchClient> => {
    const acting = user !== undefined && { 'Impersonate-User': user };
    const headers = { Authorization: `Bearer ${token}`, ...acting };
    const watch = await namespace.watch({ ...(question.initial !== true && { from }), ...question, headers });
    scope.after(() => watch.close());
    return watch;
  };
  const assertRefused = async () => {
    for (const token of ['peer-token', 'lead-in-ops', 'lead-with-uid']) {
      assert.equal((await open(token, 'alice')).status, 403, token);
    }
    assert.equal((await open('lead-token')).status, 403, 'lead itself may watch nothing');
  };
  const users = () => namespace.upstream().map(({ impersonated }) => impersonated?.username);
  return { namespace, clock, open, assertRefused, users };
}

test('a shared watch of another user has the events of that user, is opened once for all callers who may act as it, and for nobody else', async t => {
  const { namespace, clock, open, assertRefused, users } = await start(t);
  const alice = await open('lead-token', 'alice');
  assert.equal((await open('lead-again', 'alice')).status, 200);
  assert.equal(namespace.upstream().length, 1);
  assert.equal((await open('lead-token', 'bob')).status, 200);
  assert.equal((await open('alice-token')).status, 200);
  assert.deepEqual(users(), ['alice', 'bob', 'alice']);
  await assertRefused();
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

test('initial events of a shared watch go to nobody who may not act as its user now', async t => {
  const { namespace, clock, open, assertRefused, users } = await start(t, { initial: true });
  namespace.write('first');
  for (const token of ['lead-token', 'lead-again']) await (await open(token, 'alice')).untilNamed('first');
  await assertRefused();
  targets.delete('alice');
  clock.advance(10_000);
  assert.equal((await open('lead-token', 'alice')).status, 403);
  assert.deepEqual(new Set(users()), new Set(['alice', 'lead']));
});
