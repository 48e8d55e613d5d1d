import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { startStack } from '../../../support/proxy/stack.js';
import {
  ageless,
  forms,
  type NamespaceWatch,
  WatchedNamespace,
} from '../../../support/proxy/watched-namespace.js';

// At the embedded API server, bookmarks come often, so that most upstream watches begin with one. It compresses as Kubernetes 1.37 does.
const server = await embeddedApiServer(
  { after },
  { bookmarkInterval: 50, bookmarkBeforeEnd: 500, compressInitialEvents: true },
);
const stack = await startStack({ after }, { server: server.embedded, flags: ['--share-watches'] });

describe('events', { concurrency: 4 }, () => {
  for (const [form, Accept] of Object.entries(forms)) {
    test(`come to first, late and returning clients as to a client without the program (${form})`, async () => {
      const namespace = new WatchedNamespace(stack);
      const headers = { Accept };
      const clients: (readonly [WatchClient, number])[] = [];
      const join = async (from: number) => clients.push([await namespace.watch({ from, headers }), from]);
      await join(server.embedded.version);
      const one = namespace.write('one');
      namespace.write('one', { text: 'x' });
      const two = namespace.write('two', { text: 'ünïcödé "quoted" \\ \n </script> \u2028' });
      namespace.remove('one');
      for (const from of [one, two, server.embedded.version]) await join(from);
      namespace.write('last', { long: 'x'.repeat(70_000) });
      const read = form === 'table' ? ageless : (bytes: Buffer) => bytes.toString('latin1');
      for (const [client, from] of clients) {
        await client.untilNamed('last');
        const direct = await namespace.direct({ from, headers });
        for (const name of ['content-type', 'cache-control'])
          assert.equal(client.headers[name], direct.headers[name]);
        await direct.until(client.frames.length);
        assert.deepEqual(client.frames.map(read), direct.frames.map(read));
        assert.equal(read(client.bytes()), read(direct.bytes()));
        direct.close();
      }
      assert.equal(clients[0]?.[0].frames.length, 5);
      assert.equal(namespace.upstream().length, 1);
    });

    test(`of watches that begin with the objects are what they would get directly, and the changes are shared (${form})`, async () => {
      const namespace = new WatchedNamespace(stack);
      namespace.writeAll('b', 'a');
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
      namespace.write('c', { text: 'ünïcödé "quoted" \\ \n </script> \u2028' });
      namespace.remove('b');
      namespace.write('last');
      await direct.untilNamed('last');
      for (const watch of watches) {
        await watch.untilNamed('last');
        assert.equal(watch.headers['content-encoding'], undefined);
        assert.equal(watch.headers['content-type'], direct.headers['content-type']);
        assert.deepEqual(comparable(watch), comparable(direct));
        watch.close();
      }
      direct.close();
      const sent = namespace.upstream();
      assert.ok(sent.filter(({ rawUrl }) => rawUrl.includes('sendInitialEvents')).length <= 3);
    });
  }
});

/** The events but the bookmarks that may come at any time. The bookmark that ends the initial events has no version: those of two watches may differ. */
function comparable(watch: WatchClient): string[] {
  const lasting = watch.frames.map(ageless).filter(frame => isEnd(frame) || !frame.includes('BOOKMARK'));
  return lasting.map(frame => (isEnd(frame) ? frame.replace(/\d{2,}/g, 'VERSION') : frame));
}

function isEnd(frame: string): boolean {
  return frame.includes('initial-events-end');
}
