import assert from 'node:assert/strict';
import { it } from 'node:test';
import { callersFlag } from '../../support/proxy/callers.js';
import { startUpProblems } from '../../support/proxy/in-process.js';

it('the flags need callers, and an interval of at least 10 s', async () => {
  const server = '--server=http://127.0.0.1:1';
  const needed =
    /^--(?:end-streams-at-expiry|recheck-streams) needs a method of authentication \(.*\): it is about/;
  const problems = await startUpProblems([server, '--end-streams-at-expiry=0', '--recheck-streams=10s']);
  assert.equal(problems.length, 2);
  for (const problem of problems) assert.match(problem, needed);
  assert.deepEqual(await startUpProblems([server, callersFlag('/dev/null'), '--recheck-streams=9s']), [
    '--recheck-streams is less than 10s',
  ]);
});
