import assert from 'node:assert/strict';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { eventually } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { eventsOf, FilteringGateway } from '../../../support/kube-apiserver/filtering-gateway.js';

const path = '/api/v1/namespaces';
const protobuf = 'application/vnd.kubernetes.protobuf';
const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

const token = (version: unknown, start = '/default\0') =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start })).toString('base64url');

test('nothing of a namespace’s past is shown to the tenant who has its name now, and the state always', async (t, server) => {
  const files = await createServingFiles();
  const gateway = await FilteringGateway.start(t, server, { users: ['ann', 'bob'], files });
  const { admin } = server;
  const annotate = (name: string, secret: string) =>
    admin.do('PATCH', `${path}/${name}`, { metadata: { annotations: { secret } } });
  const versionOf = async (user: string) => {
    const { text } = await gateway.ask(user, path);
    return Number((JSON.parse(text) as { metadata: { resourceVersion: string } }).metadata.resourceVersion);
  };

  const shop = await gateway.namespaceOf('ann', 'shop');
  await annotate(shop, 'of-the-old-tenant');
  // Bob has been here before, and has a version of then.
  const own = await gateway.namespaceOf('bob', 'own');
  const old = await versionOf('bob');
  await annotate(shop, 'of-the-old-tenant-too');
  await gateway.deleteNamespace(shop);
  await gateway.namespace('shop');
  await gateway.bind(shop, gateway.user('bob'));
  await eventually('bob has it', async () => (await gateway.names('bob')).includes(shop));
  const present = await versionOf('bob');

  const ask = async (query: string, accept = 'application/json') => {
    const { status, body } = await gateway.ask('bob', `${path}?${query}`, { accept });
    const text = body.toString('latin1');
    assert.doesNotMatch(text, /old-tenant/, query);
    return { status, text };
  };
  for (const [query, status] of [
    [`resourceVersion=${old}&resourceVersionMatch=Exact`, 410],
    [`resourceVersion=0${old}&resourceVersionMatch=Exact`, 410],
    [`resource%56ersion=${old}&resourceVersion=${present}&resourceVersionMatch=Exact`, 410],
    [`limit=5&resourceVersion=${old}`, 410],
    [`limit=5&continue=${token(old)}`, 410],
    [`limit=5&continue=${token(-1)}`, 410],
    [`continue=${token(`${old}`)}`, 410],
    [
      `continue=${Buffer.from(`{"v":"meta.k8s.io/v1","rv":${present},"RV":${old},"start":"/d"}`).toString('base64url')}`,
      410,
    ],
    [`continue=${token(old)}&continue=${token(present)}`, 410],
    // The state.
    ['', 200],
    ['resourceVersion=0', 200],
    [`resourceVersion=${old}`, 200],
    [`resourceVersion=${old}&resourceVersionMatch=NotOlderThan&limit=5`, 200],
    [`limit=5&resourceVersion=0`, 200],
    // What is not old.
    [`resourceVersion=${present}&resourceVersionMatch=Exact`, 200],
    [`limit=5&continue=${token(present)}`, 200],
    // The API server's own answers.
    ['resourceVersion=-1&resourceVersionMatch=Exact', 400],
    ['resourceVersion=old', 400],
    [`resourceVersion=${old}&resourceVersionMatch=Older`, 410],
    [`resourceVersion=${present}&resourceVersionMatch=Older`, 422],
  ] as const)
    for (const accept of ['application/json', protobuf]) {
      const { status: got, text } = await ask(query, accept);
      assert.equal(got, status, `${query} ${text}`);
      if (got === 200) assert.ok(query.includes('continue') || text.includes(shop), query);
      if (got === 410) assert.match(text, /"reason":"Expired"/);
    }

  const watched = async (query: string, expected: 'expires' | 'begins') => {
    const watch = await gateway.watch('bob', `&timeoutSeconds=2&${query}`);
    await eventually(`${query} ends`, () => watch.state() !== 'open');
    assert.doesNotMatch(watch.bytes().toString('latin1'), /old-tenant/, query);
    const events = eventsOf(watch);
    const errors = watch.events().filter(({ type }) => type === 'ERROR');
    if (expected === 'expires') assert.deepEqual([events.length, errors[0]?.object.code], [1, 410], query);
    else assert.deepEqual(errors, [], query);
    return events;
  };
  for (const query of [
    `resourceVersion=${old}`,
    `resourceVersion=${old}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`,
    `allowWatchBookmarks=1&resourceVersion=1`,
  ])
    await watched(query, 'expires');
  for (const query of ['', 'resourceVersion=0', initial, `${initial}&resourceVersion=${old}`])
    assert.deepEqual(
      (await watched(query, 'begins')).filter(event => event.startsWith('ADDED')).sort(),
      [`ADDED ${own}`, `ADDED ${shop}`],
      query,
    );
  assert.deepEqual(await watched(`resourceVersion=${present}`, 'begins'), []);
  const legacy = await gateway.ask('bob', `/api/v1/watch/namespaces?timeoutSeconds=1&resourceVersion=${old}`);
  assert.match(legacy.text, /^\{"type":"ERROR".*"code":410\}\}\n$/);
});
