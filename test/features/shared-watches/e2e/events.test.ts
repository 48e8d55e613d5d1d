import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { anyApiServer } from '../../../support/any-api-server.js';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { AnyWatchedNamespace, ageless, forms } from '../../../support/proxy/watched-namespace.js';

// At the embedded API server, bookmarks come often, so that most upstream watches begin with one.
const server = await anyApiServer({ after }, { bookmarkInterval: 50, bookmarkBeforeEnd: 500 });
const stack = await startStack({ after }, { server, run: startInProcess, flags: ['--share-watches'] });

describe('events', { concurrency: 4 }, () => {
  for (const [form, Accept] of Object.entries(forms)) {
    test(`come to first, late and returning clients as to a client without the program (${form})`, async () => {
      const namespace = await AnyWatchedNamespace.create(stack);
      const headers = { Accept };
      const clients: (readonly [WatchClient, string])[] = [];
      const join = async (from: string) => clients.push([await namespace.watch({ from, headers }), from]);
      await join(await namespace.version());
      const one = await namespace.write('one');
      await namespace.write('one', { text: 'x' });
      const two = await namespace.write('two', { text: 'ünïcödé "quoted" \\ \n </script> \u2028' });
      await namespace.remove('one');
      for (const from of [one, two, await namespace.version()]) await join(from);
      await namespace.write('last', { long: 'x'.repeat(70_000) });
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
      assert.equal((await namespace.upstream()).length, 1);
    });
  }
});
