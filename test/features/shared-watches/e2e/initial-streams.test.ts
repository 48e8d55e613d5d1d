import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { forms, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

test('an API server that puts the annotation into no row of a Table without objects, or only into one, is passed on', async t => {
  const stack = await startStack(t, { run: startInProcess, flags: ['--share-watches'] });
  const namespace = new WatchedNamespace(stack);
  namespace.writeAll('b', 'a');
  const question = { initial: true, query: '&includeObject=None', headers: { Accept: forms.table } };
  const watches = [await namespace.watch(question), await namespace.watch(question)];
  for (const watch of watches) await watch.until(3);
  namespace.write('c');
  for (const watch of watches) {
    await watch.untilNamed('"c"');
    const types = watch.events().map(({ type }) => type);
    assert.deepEqual(types, ['ADDED', 'ADDED', 'BOOKMARK', 'ADDED']);
    watch.close();
  }
});
