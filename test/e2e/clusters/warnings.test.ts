import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startManyClusters, startManyStack, tokenOf, which } from '../../support/proxy/many-clusters.js';
import { send } from '../leg.js';

const clusters = await startManyClusters({ after });

test('one log line at the start names the context, cluster, server and user at /', async t => {
  const { proxy, one, secrets } = await startManyStack(t, { clusters, run: startInProcess });
  await eventually('the line', () => proxy.log().some(line => line['context'] === 'one'));
  const line = proxy.log().find(({ context }) => context === 'one');
  assert.equal(line?.['server'], one.url);
  assert.equal(line?.['user'], 'user of one');
  assert.equal(line?.['cluster'], 'cluster of one');
  for (const secret of secrets()) assert.ok(!proxy.stderr().includes(secret));
});

test('the log warns of an API server that cannot be reached at the start, and the program serves', async t => {
  const { proxy, port } = await startManyStack(t, {
    clusters,
    run: startInProcess,
    flags: ['--context=down'],
  });
  const isWarning = (line: Record<string, unknown>) =>
    Number(line['level']) >= 40 && /refused|reach/i.test(JSON.stringify(line));
  await eventually('the warning', () => proxy.log().some(isWarning));
  const [line] = proxy.log().filter(({ context }) => context === 'down');
  assert.equal(line?.['user'], 'user of down');
  assert.equal(line?.['server'], 'https://127.0.0.1:1');
  assert.ok(!proxy.stderr().includes(tokenOf('down')));
  assert.equal((await send(port, { target: `/clusters/a${which}` })).code, 200);
  assert.equal((await send(port, { target: '/-/readyz' })).code, 500);
});
