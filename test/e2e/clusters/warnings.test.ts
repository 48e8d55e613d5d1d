import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import {
  addContext,
  startManyClusters,
  startManyStack,
  tokenOf,
  which,
} from '../../support/proxy/many-clusters.js';
import { send } from '../leg.js';

/** Names, and the names whose mounts they hide in part. */
const hiding = [
  ['a/api', 'a'],
  ['a/api/v1', 'a'],
] as const;
const clusters = await startManyClusters({ after });

/** Whether a log line is at least a warning and has all these texts. */
function warns(line: Record<string, unknown>, ...texts: readonly string[]): boolean {
  return Number(line['level']) >= 40 && texts.every(text => JSON.stringify(line).includes(text));
}

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
  const { proxy, port } = await startManyStack(t, { clusters, flags: ['--context=down'] });
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

test('the log warns of a name that hides part of another mount, at the start and when it appears', async t => {
  const { proxy, change, two } = await startManyStack(t, {
    edit: (config, { two }) => {
      for (const [name] of hiding) addContext(config, name, two);
    },
  });
  const isWarned = (name: string, hidden: string) =>
    proxy.log().some(line => warns(line, JSON.stringify(name), JSON.stringify(hidden)));
  await eventually('the warnings', () => hiding.every(([name, hidden]) => isWarned(name, hidden)));
  await change(config => addContext(config, 'b/version', two));
  await eventually('the warning of what comes', () => isWarned('b/version', 'b'));
});
