import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { shownChanges, untilListed } from '../../../support/clients/initial-events.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { forms, type NamespaceWatch, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

const stack = await startStack({ after }, { run: startInProcess, flags: ['--share-watches'] });
const { server } = stack;

/** A namespace with two objects. */
function twoObjects(): WatchedNamespace {
  const namespace = new WatchedNamespace(stack);
  namespace.writeAll('b', 'a');
  return namespace;
}

const asked: NamespaceWatch = { initial: true };

/** Answers those watches of a namespace that begin with the objects, instead of the server. */
function answerInitialStreams(
  namespace: WatchedNamespace,
  answer: (response: ServerResponse) => void,
): () => void {
  return server.intercept(({ url = '' }, response) => {
    if (!url.startsWith(namespace.path) || !url.includes('sendInitialEvents=true')) return false;
    answer(response);
    return true;
  });
}

const stops: readonly (readonly [string, 'end' | 'cut', () => unknown])[] = [
  ['is killed and started again', 'cut', () => server.restart()],
  ['ends its watches cleanly', 'end', () => server.endWatches()],
  ['breaks its connections off', 'cut', () => server.cut()],
];
for (const [what, how, stop] of stops) {
  test(`an API server that ${what} in the middle of the initial events ends its clients, as it would directly`, async () => {
    const namespace = twoObjects();
    const release = server.initialEvents.hold(1);
    const watches = [await namespace.watch(asked), await namespace.direct(asked)];
    for (const watch of watches) await watch.until(1);
    await stop();
    release();
    for (const watch of watches) {
      assert.equal(await watch.ended, how);
      assert.deepEqual(shownChanges(watch), ['ADDED a']);
    }
    const again = await namespace.watch(asked);
    await untilListed(again);
    assert.deepEqual(shownChanges(again), ['ADDED a', 'ADDED b', 'END']);
    again.close();
  });
}

test('an API server that breaks off within an event leaves no half event that a client could take for one', async () => {
  const namespace = twoObjects();
  const event = '{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"}}}\n';
  const remove = answerInitialStreams(namespace, response => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.write(`${event}{"type":"ADDED","obj`, () => response.destroy());
  });
  const watch = await namespace.watch(asked);
  assert.equal(await watch.ended, 'cut');
  assert.deepEqual(watch.lines(), ['ADDED a 7']);
  remove();
});

test('an API server that rejects the parameter does so for each client, and one that compresses is passed on', async () => {
  const namespace = twoObjects();
  const refusal =
    '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"ListOptions.meta.k8s.io \\"\\" is invalid: ' +
    'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",' +
    '"reason":"Invalid","code":422}\n';
  const json = { 'Content-Type': 'application/json' };
  for (const [status, fields, body] of [
    [422, { ...json, 'Retry-After': '7' }, Buffer.from(refusal)],
    [200, { ...json, 'Content-Encoding': 'gzip' }, gzipSync('{}\n')],
  ] as const) {
    let count = 0;
    const remove = answerInitialStreams(namespace, response => {
      count += 1;
      response.writeHead(status, fields).end(body);
    });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const headers = { 'Accept-Encoding': 'gzip' };
      for (const watch of await namespace.watchMany(3, { ...asked, headers })) {
        assert.equal(await watch.ended, 'end');
        assert.deepEqual([watch.status, watch.bytes()], [status, body]);
        assert.equal(watch.headers['retry-after'], 'Retry-After' in fields ? '7' : undefined);
      }
    }
    assert.ok(count >= 6, 'each client has an answer of its own');
    remove();
  }
  const watch = await namespace.watch(asked);
  await untilListed(watch);
  watch.close();
});

test('an API server that puts the annotation into no row of a Table without objects, or only into one, is passed on', async () => {
  const namespace = twoObjects();
  const question = { ...asked, query: '&includeObject=None', headers: { Accept: forms.table } };
  const watches = [await namespace.watch(question), await namespace.watch(question)];
  for (const watch of watches) await watch.until(3);
  namespace.write('c');
  for (const watch of watches) {
    await watch.untilNamed('"c"');
    const types = watch.events().map(({ type }) => type);
    assert.deepEqual(types, ['ADDED', 'ADDED', 'BOOKMARK', 'ADDED']);
  }
});
