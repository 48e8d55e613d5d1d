import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Registry } from 'prom-client';
import { createRecheckMetrics } from '../../../src/features/stream-ends/metrics.js';
import { callersFlag } from '../../support/proxy/callers.js';
import { startUpProblems } from '../../support/proxy/in-process.js';

it('the flags need callers, and an interval of at least 10 s', async () => {
  const server = '--server=http://127.0.0.1:1';
  const needed =
    /^--(?:end-streams-at-expiry|recheck-streams) needs a method of authentication \(.*\): it is about/;
  const problems = await startUpProblems([server, '--end-streams-at-expiry=0', '--recheck-streams=10s']);
  assert.equal(problems.length, 2);
  for (const problem of problems) assert.match(problem, needed);
  for (const flag of ['--end-streams-at-expiry=0', '--recheck-streams=10s'])
    assert.equal((await startUpProblems([server, flag])).length, 1, flag);
  assert.deepEqual(await startUpProblems([server, callersFlag('/dev/null'), '--recheck-streams=9s']), [
    '--recheck-streams: "9s" is less than 10s',
  ]);
  assert.deepEqual(await startUpProblems([server, '--admin-end-streams']), [
    '--admin-end-streams needs --admin-port',
  ]);
});

it('each answer about a stream is counted by what was asked, from 0', async () => {
  const registry = new Registry();
  const { rechecked } = createRecheckMetrics(registry);
  rechecked('access', 'unknown');
  const values = await registry.getSingleMetric('kube_api_proxy_stream_rechecks_total')?.get();
  assert.deepEqual(
    values?.values.map(({ labels, value }) => `${labels['about']} ${labels['answer']} ${value}`),
    ['caller yes 0', 'caller no 0', 'caller unknown 0', 'access yes 0', 'access no 0', 'access unknown 1'],
  );
});
