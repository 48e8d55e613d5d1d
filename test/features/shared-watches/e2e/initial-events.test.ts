import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { anyApiServer } from '../../../support/any-api-server.js';
import { shownChanges, untilListed } from '../../../support/clients/initial-events.js';
import { openWatch, type WatchClient } from '../../../support/clients/watch-client.js';
import { AnyWatchedNamespace } from '../../../support/proxy/any-watched-namespace.js';
import { startStack } from '../../../support/proxy/stack.js';
import { ageless, forms, type NamespaceWatch } from '../../../support/proxy/watched-namespace.js';

// The embedded API server compresses as Kubernetes 1.37 does.
const server = await anyApiServer({ after }, { compressInitialEvents: true });
const stack = await startStack({ after }, { server, flags: ['--share-watches'] });

/** A namespace with two objects. */
async function twoObjects(): Promise<AnyWatchedNamespace> {
  const namespace = await AnyWatchedNamespace.create(stack);
  await namespace.writeAll('b', 'a');
  return namespace;
}

/** The watches at the API server that begin with the objects. */
async function initialStreams(namespace: AnyWatchedNamespace): Promise<string[]> {
  const upstream = await namespace.upstream();
  return upstream.map(({ target }) => target).filter(target => target.includes('sendInitialEvents'));
}

describe('watches that begin with the objects', { concurrency: 4 }, () => {
  for (const [form, Accept] of Object.entries(forms)) {
    test(`get what they would get directly, and share the changes (${form})`, async () => {
      const namespace = await twoObjects();
      const question: NamespaceWatch = { initial: true, headers: { Accept, 'Accept-Encoding': 'gzip' } };
      const direct = await namespace.direct({ ...question, headers: { Accept } });
      await direct.until(3);
      const watches: WatchClient[] = [];
      for (let count = 0; count < 3; count += 1) {
        const watch = await namespace.watch(question);
        await watch.until(3);
        watches.push(watch);
      }
      await namespace.untilUpstream(1);
      await namespace.write('c', { text: 'ünïcödé "quoted" \\ \n </script> \u2028' });
      await namespace.remove('b');
      await namespace.write('last');
      await direct.untilNamed('last');
      for (const watch of watches) {
        await watch.untilNamed('last');
        assert.equal(watch.headers['content-encoding'], undefined);
        assert.equal(watch.headers['content-type'], direct.headers['content-type']);
        assert.deepEqual(comparable(watch), comparable(direct));
        watch.close();
      }
      direct.close();
      assert.ok((await initialStreams(namespace)).length <= 3);
    });
  }

  test('share the watch of clients that listed, and those share theirs', async () => {
    const namespace = await twoObjects();
    const listed = await namespace.watch();
    const initial = await namespace.watch({ initial: true });
    await untilListed(initial);
    await namespace.untilUpstream(1);
    const later = await namespace.watch();
    await namespace.write('c');
    for (const watch of [listed, initial, later]) await watch.untilNamed('"c"');
    assert.deepEqual([listed, initial, later].map(shownChanges), [
      ['ADDED c'],
      ['ADDED a', 'ADDED b', 'END', 'ADDED c'],
      ['ADDED c'],
    ]);
    assert.equal((await namespace.openUpstream()).length, 1);
    assert.equal((await initialStreams(namespace)).length, 1);
    for (const watch of [listed, initial, later]) watch.close();
    await namespace.untilUpstream(0);
  });

  test('that are wrong get the API server’s own answer', async () => {
    const namespace = await twoObjects();
    for (const query of [
      'watch=true&allowWatchBookmarks=true&sendInitialEvents=true',
      'watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=Exact',
      'watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&continue=x',
      'watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=x',
    ]) {
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const watch = await openWatch(`${stack.proxy.url}${namespace.path}?${query}`);
        await watch.ended;
        const { status, body } = await server.admin.ask('GET', `${namespace.path}?${query}`);
        assert.equal(watch.status, status);
        assert.deepEqual(JSON.parse(String(watch.bytes())), body);
      }
    }
  });
});

/** The events but the bookmarks that may come at any time. The bookmark that ends the initial events has no version: those of two watches may differ. */
function comparable(watch: WatchClient): string[] {
  const lasting = watch
    .frames()
    .map(ageless)
    .filter(frame => isEnd(frame) || !frame.includes('BOOKMARK'));
  return lasting.map(frame => (isEnd(frame) ? frame.replace(/\d{2,}/g, 'VERSION') : frame));
}

function isEnd(frame: string): boolean {
  return frame.includes('initial-events-end');
}
