import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import WebSocket from 'ws';
import { anyApiServer } from '../../../support/any-api-server.js';
import { openWatch } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { AnyWatchedNamespace, forms, type NamespaceWatch } from '../../../support/proxy/watched-namespace.js';

const server = await anyApiServer({ after });
const jane = `jane-${randomUUID()}`;
// So that a header that changes the identity reaches the API server.
await server.grant(jane, [{ apiGroups: [''], resources: ['configmaps'], verbs: ['watch'] }]);
const stack = await startStack({ after }, { server, run: startInProcess, flags: ['--share-watches'] });

test('watches that differ in nothing that changes their events share one at the API server, which ends soon after its last client has left', async () => {
  const alike: readonly NamespaceWatch[] = [
    {},
    { headers: { 'User-Agent': 'other/1.0', 'X-Forwarded-For': '192.0.2.7' } },
    { query: '&timeoutSeconds=300' },
    { query: '&allowWatchBookmarks=true' },
  ];
  const different: readonly NamespaceWatch[] = [
    { query: '&labelSelector=app%3Dweb' },
    { headers: { Accept: forms.table } },
    { headers: { 'Accept-Encoding': 'gzip' } },
  ];
  const namespace = await AnyWatchedNamespace.create(stack);
  const other = await AnyWatchedNamespace.create(stack);
  const from = await namespace.version();
  const watches = [await other.watch()];
  for (const question of [...alike, ...different, ...different])
    watches.push(await namespace.watch({ from, ...question }));
  for (const watch of watches) assert.equal(watch.status, 200);
  for (const written of [namespace, other]) await written.write('seen');
  for (const watch of watches) await watch.untilNamed('seen');
  await namespace.untilUpstream(1 + different.length);
  await other.untilUpstream(1);
  for (const watch of watches) watch.close();
  await namespace.untilUpstream(0);
});

describe('a watch is passed on unshared', { concurrency: 4 }, () => {
  test('with a query that is odd, and with that query unchanged', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    for (const query of [
      'watch=true',
      `watch=true&resourceVersion=${await namespace.version()}&labelSelector=%`,
      'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=x',
    ]) {
      const target = `${namespace.path}?${query}`;
      const before = (await namespace.upstream()).length;
      const watches = [await openWatch(stack.proxy.url + target), await openWatch(stack.proxy.url + target)];
      assert.equal(watches[0]?.status, watches[1]?.status);
      const arrived = (await namespace.upstream()).slice(before);
      assert.deepEqual(
        arrived.map(one => one.target),
        [target, target],
      );
      for (const watch of watches) watch.close();
    }
  });

  test('with a header that may change the answer', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    const from = await namespace.version();
    const shared = await namespace.watch({ from });
    for (const [index, headers] of [
      { Authorization: 'Bearer of-the-client' },
      { 'Impersonate-User': jane },
      { Impersonate_User: jane },
      { 'X-Remote-User': jane },
    ].entries()) {
      const before = (await namespace.upstream()).length;
      const own = await namespace.watchMany(2, { from, headers });
      // With some headers the program rejects the request, which then joins no watch either.
      const served = own.filter(({ status }) => status === 200);
      assert.equal((await namespace.upstream()).length - before, served.length === 0 ? 0 : 2, `${index}`);
      await namespace.write(`seen-${index}x`);
      for (const watch of [shared, ...served]) await watch.untilNamed(`seen-${index}x`);
      for (const watch of own) watch.close();
    }
  });

  test('over WebSocket', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    const plain = await namespace.watch();
    const messages: string[] = [];
    const { url: origin } = stack.proxy;
    const target = await namespace.target();
    const sockets = [1, 2].map(() => new WebSocket(`${origin.replace('http', 'ws')}${target}`, { origin }));
    for (const socket of sockets) socket.on('message', data => messages.push(String(data)));
    await eventually('all watches', async () => (await namespace.openUpstream()).length === 3);
    await namespace.write('seen');
    await plain.untilNamed('seen');
    await eventually('both messages', () => messages.length === 2);
    assert.equal(messages[0], String(plain.frames[0]));
    for (const socket of sockets) socket.terminate();
  });
});
