import assert from 'node:assert/strict';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { eventsOf, FilteringGateway, sees } from '../../support/kube-apiserver/filtering-gateway.js';

const initial = '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

test('a filtered watch is never shared: nobody joins it, and it joins none of those who may see all', async (t, server) => {
  const gateway = await FilteringGateway.start(t, server, {
    users: ['ann', 'eve', 'boss'],
    flags: ['--share-watches', '--share-watches-across-users'],
  });
  await gateway.letListAll('boss');
  const hidden = await gateway.namespace('secret');
  const own = await gateway.namespaceOf('ann', 'own');
  const change = async (...names: readonly string[]) => {
    const metadata = { labels: { at: `${Date.now()}` } };
    for (const name of names) await server.admin.do('PATCH', `/api/v1/namespaces/${name}`, { metadata });
  };
  const versionOf = async (user: string) => {
    const list = JSON.parse((await gateway.ask(user, '/api/v1/namespaces')).text) as {
      metadata: { resourceVersion: string };
    };
    return list.metadata.resourceVersion;
  };
  const ways = ['', initial, '&resourceVersion='];
  const opened: { readonly user: string; readonly watch: Awaited<ReturnType<FilteringGateway['watch']>> }[] =
    [];
  // Each asks for the same, in turns, so that whoever can share does.
  for (const way of ways)
    for (const user of ['ann', 'boss', 'eve', 'boss', 'ann']) {
      const query = way.endsWith('=') ? `${way}${await versionOf(user)}` : way;
      const watch = await gateway.watch(user, query);
      t.after(() => watch.close());
      opened.push({ user, watch });
    }
  await change(hidden, own);
  for (const { user, watch } of opened) {
    if (user === 'ann') await sees(watch, `MODIFIED ${own}`);
    if (user === 'boss') await sees(watch, `MODIFIED ${own}`, `MODIFIED ${hidden}`);
  }
  for (const { user, watch } of opened) {
    const names = new Set(eventsOf(watch).map(event => event.split(' ')[1] ?? ''));
    names.delete('');
    assert.deepEqual(
      [...names].filter(name => user !== 'boss' && name !== own),
      [],
      user,
    );
    if (user === 'eve') assert.equal(names.size, 0);
  }
});
