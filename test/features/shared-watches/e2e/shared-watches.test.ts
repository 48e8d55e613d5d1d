import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { startGateway, startStack } from '../../../support/proxy/stack.js';
import { forms, type NamespaceWatch, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

const server = await embeddedApiServer({ after });
const plain = await startStack({ after }, { server: server.embedded, flags: ['--share-watches'] });

test('watches that differ in nothing that changes their events share one at the API server, which ends soon after its last client has left', async () => {
  const alike: readonly NamespaceWatch[] = [
    {},
    { headers: { 'User-Agent': 'other/1.0', 'X-Forwarded-For': '192.0.2.7' } },
    { query: '&timeoutSeconds=300' },
    { query: '&allowWatchBookmarks=true' },
    { headers: { Accept: '*/*', 'Accept-Encoding': 'gzip' } },
  ];
  const different: readonly NamespaceWatch[] = [
    { query: '&labelSelector=app%3Dweb' },
    { headers: { Accept: forms.table } },
    { headers: { Accept: forms.partial } },
  ];
  const namespace = new WatchedNamespace(plain);
  const other = new WatchedNamespace(plain);
  const from = server.embedded.version;
  const watches = [await other.watch()];
  for (const question of [...alike, ...different, ...different])
    watches.push(await namespace.watch({ from, ...question }));
  for (const watch of watches) assert.equal(watch.status, 200);
  for (const written of [namespace, other]) written.write('seen');
  for (const watch of watches) await watch.untilNamed('seen');
  await namespace.untilUpstream(1 + different.length);
  await other.untilUpstream(1);
  for (const watch of watches) watch.close();
  await namespace.untilUpstream(0);
});

test('a cookie keeps no watch from being shared where callers are authenticated, reaches no API server with it, and joins no users', async t => {
  const { server, proxy } = await startGateway(t, {
    ...{ tokenFile: 'bob-token,bob,,\nother-token,bob-2,,\n', flags: ['--share-watches'] },
    server: { allow: () => true },
  });
  const namespace = new WatchedNamespace({ server, proxy });
  const from = server.version;
  const as = (name: string, more: object) =>
    namespace.watch({ from, headers: { Authorization: `Bearer ${name}-token`, ...more } });
  const watches = [
    await as('bob', {}),
    await as('bob', { Cookie: 'headlamp-auth-main.0=a' }),
    await as('bob', { COOKIE: 'b=c; d=e' }),
  ];
  await namespace.untilUpstream(1);
  const other = await as('other', { Cookie: 'headlamp-auth-main.0=a' });
  await namespace.untilUpstream(2);
  namespace.write('seen');
  for (const watch of [...watches, other]) await watch.untilNamed('seen');
  for (const { headers } of namespace.upstream()) assert.equal(headers['cookie'], undefined);
  for (const watch of [...watches, other]) watch.close();
});
