import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import WebSocket from 'ws';
import { anyApiServer, embedded } from '../../../support/any-api-server.js';
import { open as openRequest, send } from '../../../support/clients/http-client.js';
import { openWatch } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { AnyWatchedNamespace } from '../../../support/proxy/any-watched-namespace.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { forms, type NamespaceWatch } from '../../../support/proxy/watched-namespace.js';

const server = await anyApiServer({ after });
const jane = `jane-${randomUUID()}`;
const account = `system:serviceaccount:${randomUUID()}:default`;
// So that a header that changes the identity reaches the API server.
for (const user of [jane, account]) {
  await server.grant(user, [{ apiGroups: [''], resources: ['configmaps'], verbs: ['watch'] }]);
}
const stack = await startStack({ after }, { server, run: startInProcess, flags: ['--share-watches'] });

/** Opens watches one after the other, waits until each has an event, and counts the watches at the API server. */
async function watchesOf(questions: readonly NamespaceWatch[]): Promise<number> {
  const namespace = await AnyWatchedNamespace.create(stack);
  const from = await namespace.version();
  const watches = [];
  for (const question of questions) watches.push(await namespace.watch({ from, ...question }));
  for (const watch of watches) assert.equal(watch.status, 200);
  await namespace.write('seen');
  for (const watch of watches) await watch.untilNamed('seen');
  for (const watch of watches) watch.close();
  return (await namespace.upstream()).length;
}

test('watches that differ in nothing that changes their events share one at the API server', async () => {
  const fields = {
    'User-Agent': 'other/1.0',
    'X-Request-Id': 'b7e1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'a=b',
    'X-Forwarded-For': '192.0.2.7',
    'X-Forwarded-Proto': 'https',
    'Accept-Language': 'de',
    'Cache-Control': 'no-cache',
  };
  const queries = ['timeoutSeconds=300', 'timeoutSeconds=0', 'allowWatchBookmarks=true'];
  const alike = [
    ...[{}, {}],
    ...queries.map(query => ({ query: `&${query}` })),
    ...Object.entries(fields).map(([name, value]) => ({ headers: { [name]: value } })),
  ];
  assert.equal(await watchesOf(alike), 1);
});

test('watches of different selectors, parameters, forms or encodings are separate, and those of the same share', async () => {
  const form = (Accept: string, query = '') => ({ headers: { Accept }, query });
  const different: readonly NamespaceWatch[] = [
    {},
    ...['labelSelector=app%3Dweb', 'labelSelector=app%21%3Dno', 'fieldSelector=metadata.name%3Dseen'].map(
      query => ({ query: `&${query}` }),
    ),
    { query: '&unknown=1' },
    { headers: { 'Accept-Encoding': 'gzip' } },
    ...Object.values(forms).map(accept => form(accept)),
    form(forms.table, '&includeObject=Object'),
  ];
  const again = different.map(one => ({ ...one, query: `${one.query ?? ''}&allowWatchBookmarks=false` }));
  assert.equal(await watchesOf([...different, ...again]), different.length);
});

test('watches of different namespaces are separate at the API server', async () => {
  const [one, other] = [await AnyWatchedNamespace.create(stack), await AnyWatchedNamespace.create(stack)];
  const [first, second] = [await one.watch(), await other.watch()];
  await one.write('mine');
  await other.write('yours');
  await first.untilNamed('mine');
  await second.untilNamed('yours');
  assert.deepEqual([first.frames().length, second.frames().length], [1, 1]);
  assert.deepEqual([(await one.upstream()).length, (await other.upstream()).length], [1, 1]);
});

test('a client whose version no API server can have gets its error, even if the watch is shared already', async () => {
  const namespace = await AnyWatchedNamespace.create(stack);
  await namespace.watch();
  const tooLarge = '18446744073709551616';
  for (const from of [tooLarge, `000${tooLarge}`, '9'.repeat(100)]) {
    const watch = await namespace.watch({ from });
    assert.equal(watch.status, 500);
    await watch.ended;
    assert.match(String(watch.bytes()), /strconv\.ParseUint: parsing .* value out of range/);
    assert.match((await namespace.upstream()).at(-1)?.target ?? '', new RegExp(`resourceVersion=${from}$`));
  }
  const largest = await namespace.watch({ from: '18446744073709551615' });
  assert.equal(largest.status, 200);
});

describe('a watch is passed on unshared', { concurrency: 4 }, () => {
  test('with a query that is odd, and with that query unchanged', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    const version = `watch=true&resourceVersion=${await namespace.version()}`;
    const initial = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
    for (const query of [
      ...['watch=true', 'watch=true&resourceVersion=', 'watch=true&resourceVersion=0'],
      ...['watch=true&allowWatchBookmarks=true', 'watch=true&allowWatchBookmarks=true&resourceVersion=0'],
      ...[`${version}&resourceVersion=1`, `${version}&labelSelector=%`],
      ...[`${version}&timeoutSeconds=x`, `${version}&timeoutSeconds=300&timeoutSeconds=500`],
      ...[initial, `${initial}&resourceVersion=1`, `${initial}&allowWatchBookmarks=true`],
      'watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
      `${initial}&sendInitialEvents=false&allowWatchBookmarks=true`,
      `${initial}&allowWatchBookmarks=true&timeoutSeconds=x`,
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

  const headers: Readonly<Record<string, string>> = {
    Authorization: 'Bearer of-the-client',
    AUTHORIZATION: 'Basic YTpi',
    'Impersonate-User': jane,
    'impersonate-user': account,
    'X-Remote-User': jane,
    'X-Remote-Group': 'system:masters',
    'X-Remote-Extra-Scopes': 'all',
    'X-Remote-Uid': '7',
    Cookie: 'session=1',
    'X-HTTP-Method-Override': 'GET',
    'X-Unknown': '1',
    Range: 'bytes=0-',
    'If-None-Match': '"1"',
    Impersonate_User: jane,
    X_Remote_User: jane,
    'Proxy-Authorization': 'Basic YTpi',
  };
  test('with a header that may change the answer', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    const from = await namespace.version();
    const shared = await namespace.watch({ from });
    for (const [index, [name, value]] of Object.entries(headers).entries()) {
      const before = (await namespace.upstream()).length;
      const own = await namespace.watchMany(2, { from, headers: { [name]: value } });
      // With some headers the program rejects the request, which then joins no watch either.
      const served = own.filter(({ status }) => status === 200);
      assert.equal((await namespace.upstream()).length - before, served.length === 0 ? 0 : 2, name);
      await namespace.write(`seen-${index}x`);
      for (const watch of [shared, ...served]) await watch.untilNamed(`seen-${index}x`);
      for (const watch of own) watch.close();
    }
  });

  test('with several headers that make an identity', async () => {
    const headers = {
      'Impersonate-User': jane,
      'Impersonate-Group': ['dev', 'ops'],
      'Impersonate-Uid': '7',
      'Impersonate-Extra-Scopes': 'all',
    };
    assert.equal(await watchesOf([{ headers }, { headers }, {}]), 3);
  });

  test('with a body', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    const target = await namespace.target();
    for (const body of ['{}', '{}']) (await openRequest(stack.port, target, { body })).destroy();
    assert.equal((await namespace.upstream()).length, 2);
  });

  test('that is a HEAD request, which the API server rejects', async () => {
    const namespace = await AnyWatchedNamespace.create(stack);
    for (let sent = 1; sent <= 2; sent += 1) {
      const { status, text } = await send(stack.port, await namespace.target(), { method: 'HEAD' });
      assert.deepEqual([status, text], [405, '']);
      assert.equal((await namespace.upstream()).length, sent);
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
    assert.equal(messages[0], String(plain.frames()[0]));
    for (const socket of sockets) socket.terminate();
  });
});

/** Answers the watches of a namespace instead of the server. */
function answerWatches(namespace: AnyWatchedNamespace, answer: (response: ServerResponse) => void): void {
  server.embedded.intercept((request, response) => {
    if (request.url?.startsWith(`${namespace.path}?watch=`) !== true) return false;
    answer(response);
    return true;
  });
}

describe('an answer that is not a stream of events', { concurrency: 4, ...embedded }, () => {
  test('but of another status comes to each client unchanged', async () => {
    for (const status of [400, 401, 403, 404, 406, 410, 429, 500, 503, 504]) {
      const namespace = await AnyWatchedNamespace.create(stack);
      const body = `{"kind":"Status","code":${status}}\n`;
      const fields = {
        'Content-Type': 'application/json',
        'Content-Length': body.length,
        'Retry-After': '7',
      };
      answerWatches(namespace, response => response.writeHead(status, fields).end(body));
      for (const watch of await namespace.watchMany(2)) {
        assert.equal(await watch.ended, 'end');
        assert.deepEqual([watch.status, String(watch.bytes())], [status, body]);
        assert.equal(watch.headers['retry-after'], '7');
      }
    }
  });

  const event = (version: string) =>
    `{"type":"ADDED","object":{"kind":"Thing","apiVersion":"x/v1","metadata":{"name":"a","resourceVersion":${version}}}}\n`;
  const bodies: Readonly<Record<string, readonly [type: string, body: string | Buffer, encoding?: string]>> =
    {
      'versions that are no decimal numbers': [
        'application/json',
        event('"2026-11-25T08:00:00Z"') + event('"abc"'),
      ],
      'events without versions': ['application/json', '{"type":"ADDED","object":{"metadata":{}}}\n'],
      'unknown types': ['application/json', '{"type":"NEW","object":{"metadata":{}}}\n'],
      'no JSON': ['application/json', 'well, no\n'],
      'indented JSON': ['application/json', '{\n "type": "ADDED"\n}\n'],
      'a list in one line': ['application/json', '{"kind":"ConfigMapList","items":[{"data":{"a":"'],
      CBOR: ['application/cbor-seq', Buffer.from([0xa1, 0x61, 0x61, 0x01])],
      'plain text': ['text/plain', 'one\ntwo\n'],
      'a Content-Encoding': ['application/json', gzipSync(event('"9999999"')), 'gzip'],
      'invalid protobuf': ['application/vnd.kubernetes.protobuf;stream=watch', '\0\0\0\x03abc'],
    };
  for (const [what, [type, body, encoding]] of Object.entries(bodies)) {
    test(`because of ${what} comes unchanged to each client, at the latest when it asks again`, async () => {
      const namespace = await AnyWatchedNamespace.create(stack);
      const open: ServerResponse[] = [];
      answerWatches(namespace, response => {
        open.push(response);
        response.writeHead(200, { 'Content-Type': type, ...(encoding && { 'Content-Encoding': encoding }) });
        response.write(body);
      });
      const from = await namespace.version();
      // A client that waits for the first event of a shared watch is cut if the program cannot read that event.
      for (const watch of await namespace.watchMany(2, { from })) {
        await eventually('an end, or the body', () => watch.state() === 'cut' || watch.bytes().length > 0);
        if (watch.state() === 'cut') assert.deepEqual(watch.bytes(), Buffer.alloc(0));
      }
      const watches = await namespace.watchMany(3, { from });
      for (const watch of watches) {
        await eventually('the body', () => watch.bytes().length >= body.length);
        assert.deepEqual(watch.bytes(), Buffer.from(body as string));
        assert.equal(watch.state(), 'open');
      }
      assert.ok(open.length >= 4);
      for (const response of open) response.end();
      for (const watch of watches) assert.equal(await watch.ended, 'end');
    });
  }
});

test('the watch at the API server ends soon after its last client has left', async () => {
  const namespace = await AnyWatchedNamespace.create(stack);
  const watches = await namespace.watchMany(3);
  await namespace.untilUpstream(1);
  for (const watch of watches) watch.close();
  await namespace.untilUpstream(0);
});
