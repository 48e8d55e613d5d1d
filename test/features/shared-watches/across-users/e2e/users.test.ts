import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { createServingFiles } from '../../../../support/certificates/serving-files.js';
import { connectHttp2 } from '../../../../support/clients/http2-client.js';
import { openWatchStream, type WatchClient } from '../../../../support/clients/watch-client.js';
import { eventually } from '../../../../support/eventually.js';
import type { Policy } from '../../../../support/fake-api-server/authorization.js';
import { proxyToken } from '../../../../support/identities/two-users.js';
import { ManualClock } from '../../../../support/manual-clock.js';
import { startInProcess } from '../../../../support/proxy/in-process.js';
import { startGateway } from '../../../../support/proxy/stack.js';
import { type NamespaceWatch, WatchedNamespace } from '../../../../support/proxy/watched-namespace.js';

/** Users who have lost the right to watch. */
const denied = new Set<string>();
/** `lead` may act as `ann`, `one` may watch the object of that name, and nobody else has less than all. */
const allow: Policy = ({ username }, { verb, resource, name }) => {
  if (username === 'proxy') return verb === 'impersonate' || resource === 'apiservices';
  if (verb === 'impersonate') return username === 'lead' && name === 'ann';
  if (verb !== 'watch') return true;
  return username === 'one' ? name === 'one' : username !== 'lead' && !denied.has(username);
};

const users = ['ann', 'bob', 'eve', 'lead', 'one'];
const tokenFile = users.map(user => `${user}-token,${user},,\n`).join('');
const sharing = ['--share-watches', '--share-watches-across-users'];
const clock = new ManualClock(Date.now());
const { server, proxy } = await startGateway(
  { after },
  {
    run: (scope, args, env) => startInProcess(scope, args, env, { clock }),
    tokenFile,
    flags: [...sharing, '--allow-impersonation'],
    server: { allow },
  },
);

/** Says who serves the core group. */
const serve = (service: object) =>
  server.write({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1.' },
    spec: { version: 'v1', ...service },
  });
serve({});

const clients: WatchClient[] = [];
after(() => {
  for (const client of clients) client.close();
});

const as = (user: string, more: Readonly<Record<string, string>> = {}) => ({
  headers: { Authorization: `Bearer ${user}-token`, ...more },
});

async function opened(opening: Promise<WatchClient>): Promise<WatchClient> {
  const client = await opening;
  clients.push(client);
  return client;
}

const open = (namespace: WatchedNamespace, user: string, more: NamespaceWatch = {}) =>
  opened(namespace.watch({ ...as(user), ...more }));

const begin = () => new WatchedNamespace({ server, proxy });

/** As whom the API server got the watches of a namespace. */
const sentAs = (namespace: WatchedNamespace) =>
  namespace.upstream().map(({ impersonated }) => impersonated?.username);

const reviewsOf = (user: string) =>
  server.requests.filter(
    ({ rawUrl, impersonated }) =>
      rawUrl.endsWith('/selfsubjectaccessreviews') && impersonated?.username === user,
  ).length;

/** The program may have asked for the APIService before there was one. */
before(() =>
  eventually('a shared watch', async () => {
    const namespace = begin();
    for (const user of ['ann', 'bob']) await open(namespace, user);
    return namespace.upstream().length === 1;
  }),
);

describe('users of a gateway', { concurrency: false }, () => {
  it('share one watch if the API server lets each of them, and nobody else gets an event', async () => {
    const namespace = begin();
    const from = server.version;
    const before = users.map(reviewsOf);
    const [ann, bob] = [await open(namespace, 'ann', { from }), await open(namespace, 'bob', { from })];
    await open(namespace, 'bob', { from });
    const lead = await open(namespace, 'lead', { from });
    assert.equal(lead.status, 403);
    await lead.ended;
    assert.match(String(lead.bytes()), /User \\"lead\\" cannot watch resource/);
    namespace.write('seen');
    for (const client of [ann, bob]) await client.untilNamed('seen');
    assert.deepEqual(sentAs(namespace), ['ann', 'lead']);
    const asked = users.map((user, index) => reviewsOf(user) - (before[index] ?? 0));
    assert.deepEqual(asked, [1, 1, 0, 1, 0]);
  });

  it('share it over HTTP/2, HTTP/1.1 and WebSockets', async t => {
    const files = await createServingFiles();
    const secure = await startGateway(t, {
      tokenFile,
      flags: [...sharing, ...files.flags],
      server,
      user: { token: proxyToken },
    });
    const { certificate: ca } = files.authority;
    const over = { ca, url: `https://127.0.0.1:${secure.proxy.port}` };
    const namespace = new WatchedNamespace({ server, proxy: over });
    const target = namespace.target();
    const session = await connectHttp2(secure.proxy.port, ca);
    t.after(() => session.destroy());
    const first = await open(namespace, 'ann', { tls: { ca } });
    const [bob, lead] = await Promise.all(
      ['bob', 'lead'].map(user => openWatchStream(session, target, as(user).headers)),
    );
    assert.deepEqual([first.status, bob?.status, lead?.status], [200, 200, 403]);
    namespace.write('seen');
    for (const client of [first, bob]) await client?.untilNamed('seen');
    assert.deepEqual(bob?.bytes(), first.bytes());
    assert.deepEqual(sentAs(namespace), ['ann', 'lead']);
    const messages: string[] = [];
    const socketStatus = async (user: string) => {
      const origin = over.url;
      const socket = new WebSocket(`${origin.replace('https', 'wss')}${target}`, { ...as(user), ca, origin });
      t.after(() => socket.terminate());
      socket.on('error', () => {}).on('message', message => messages.push(String(message)));
      const opened = once(socket, 'open').then(() => 101);
      const refused = once(socket, 'unexpected-response').then(([, { statusCode }]) => statusCode);
      return Promise.race([opened, refused]);
    };
    assert.deepEqual([await socketStatus('bob'), await socketStatus('lead')], [101, 403]);
    assert.deepEqual(sentAs(namespace), ['ann', 'lead', 'lead']);
    await eventually('the message', () => messages.length === 1);
    assert.equal(messages[0], String(first.bytes()));
  });

  it('share nothing by a field, a spelling or a selector that makes two questions look like one', async () => {
    const namespace = begin();
    const from = server.version;
    const one = '&fieldSelector=metadata.name%3Done';
    await open(namespace, 'ann', { from });
    await open(namespace, 'ann', { from, query: one });
    const allowed = await open(namespace, 'one', { from, query: one });
    assert.equal(allowed.status, 200);
    assert.deepEqual(sentAs(namespace), ['ann', 'ann'], 'it joins the watch of that name');
    for (const [query, headers] of [
      ['', {}],
      ['&fieldSelector=metadata.name%3Dtwo', {}],
      [`&fieldSelector=metadata.name%3Dtwo${one}`, {}],
      ['&fieldSelector=metadata.name!%3Done', {}],
      ['&fieldselector=metadata.name%3Done', {}],
      ['', { 'X-Remote-User': 'ann' }],
      ['', { 'Impersonate-User': 'ann' }],
      ['&labelSelector=name%3Done', {}],
    ] as const) {
      const refused = await open(namespace, 'one', { from, query, ...as('one', headers) });
      assert.equal(refused.status, 403, `${query} ${JSON.stringify(headers)}`);
    }
    namespace.writeAll('two', 'one');
    await allowed.untilNamed('one');
    assert.deepEqual(allowed.changes(), ['ADDED one']);
  });

  it('share with those who act as one of them', async () => {
    const namespace = begin();
    const from = server.version;
    await open(namespace, 'bob', { from });
    const lead = await open(namespace, 'lead', { from, ...as('lead', { 'Impersonate-User': 'ann' }) });
    assert.equal(lead.status, 200);
    assert.equal(
      (await open(namespace, 'bob', { from, ...as('bob', { 'Impersonate-User': 'ann' }) })).status,
      403,
    );
    assert.deepEqual(sentAs(namespace), ['bob']);
  });
});

describe('an API', { concurrency: false }, () => {
  it('is no longer shared when another server takes it over: who has joined stays, as at the API server, the others have their own', async () => {
    const namespace = begin();
    const joined = [await open(namespace, 'ann'), await open(namespace, 'bob')];
    serve({ service: { name: 'other', namespace: 'default' } });
    clock.advance(10_000);
    for (const user of ['bob', 'eve']) await open(namespace, user);
    assert.deepEqual(sentAs(namespace), ['ann', 'bob', 'eve']);
    namespace.write('seen');
    for (const client of joined) await client.untilNamed('seen');
  });
});
