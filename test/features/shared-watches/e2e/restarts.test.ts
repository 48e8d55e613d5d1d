import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startStack } from '../../../support/proxy/stack.js';
import { WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

const [http1, http2] = await Promise.all([
  startStack({ after }, { flags: ['--share-watches'], env: { DISABLE_HTTP2: '1' } }),
  startStack({ after }, { flags: ['--share-watches'] }),
]);

for (const [version, stack] of [
  ['HTTP/1.1', http1],
  ['HTTP/2', http2],
] as const) {
  test(`clients notice nothing if their watch at the API server is lost over ${version}, however it is`, async () => {
    const { server } = stack;
    const namespace = new WatchedNamespace(stack);
    const from = server.version;
    const watches = await namespace.watchMany(2, { from });
    const first = namespace.write('first');
    watches.push(await namespace.watch({ from, query: '&allowWatchBookmarks=true' }));
    for (const watch of watches) await watch.untilNamed('first');
    const late = await namespace.watch({ from: first });
    assert.equal(namespace.upstream().length, 1);
    const losses = [
      // A GOAWAY alone ends no watch.
      ...(stack === http2 ? [() => server.goAway()] : []),
      ...[() => server.cut(), () => server.endWatches(), () => server.cut()],
      async () => {
        await server.kill();
        namespace.write('meanwhile');
        await server.restart();
      },
    ];
    const expected: string[] = [];
    for (const [index, lose] of losses.entries()) {
      await lose();
      namespace.write(`n${index}`);
      expected.push(`n${index}`);
      for (const watch of [...watches, late]) await watch.untilNamed(`"n${index}"`);
    }
    assert.equal(namespace.upstream().length, 5);
    expected.splice(-1, 0, 'meanwhile');
    assert.deepEqual(late.names(), expected);
    for (const watch of watches) assert.deepEqual(watch.names(), ['first', ...expected]);
    for (const watch of [...watches, late]) {
      assert.equal(watch.state(), 'open');
      watch.close();
    }
  });
}
