import assert from 'node:assert/strict';
import { test } from 'node:test';
import { health } from '../../../e2e/credential-probe.js';
import { eventually } from '../../../support/eventually.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { startInProcess, startUpProblems } from '../../../support/proxy/in-process.js';
import { scrapeOwn, sumOf } from '../../../support/proxy/own-metric.js';
import { runProgram } from '../../../support/proxy/proxy.js';
import { startGateway } from '../../../support/proxy/stack.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { AskedWebhook } from '../../../support/upstreams/asked-webhook.js';

const tokenFile = 'alice-token,alice,7,"dev"\n';
const authorization = 'Bearer alice-token';

test('all problems of the file of authorization webhooks are told at the start, with those of the flags', async t => {
  const webhook = await AskedWebhook.start(t, {
    timeout: '1m',
    matchConditions: [{ expression: 'request.x' }],
  });
  const env = { HOME: temporaryFolder() };
  const flags = [
    ...['--server=http://127.0.0.1:1', `--authorization-config=${webhook.file}`],
    // Not a file of callers.
    callersFlag(webhook.file),
  ];
  const { code, stderr } = await runProgram(flags, env);
  assert.equal(code, 1);
  for (const lines of [await startUpProblems(flags, env), stderr.trimEnd().split('\n')]) {
    assert.equal(lines.length, 3, lines.join('\n'));
    assert.match(
      lines.join('\n'),
      /webhook\.timeout is not .*\n.*matchConditions\[0\]\.expression cannot be used: "request\.x"/,
    );
  }
});

test('a file of authorization webhooks that cannot be used any longer is told, without its text, and the last one counts, with its verdicts, until there is a new one', async t => {
  const webhook = await AskedWebhook.start(t);
  const { proxy } = await startGateway(t, {
    run: startInProcess,
    tokenFile,
    flags: [`--authorization-config=${webhook.file}`],
  });
  const reloads = async (result: string) =>
    sumOf(
      await scrapeOwn(proxy.port, { authorization }),
      'kube_api_proxy_authorization_config_reloads_total',
      { result },
    );
  webhook.decide = () => ({ allowed: false, denied: true, reason: 'no' });
  const code = async () => (await fetch(`${proxy.url}/api`, { headers: { authorization } })).status;
  assert.equal(await code(), 403);

  await webhook.write({ matchConditions: [{ expression: 'request.secret' }] });
  const told =
    /^warn: --authorization-config: \S+:1: .*expression cannot be used; the last valid version of the file stays in use$/m;
  await eventually('readyz says so', async () => told.test((await health(proxy, 'readyz')).text));
  assert.doesNotMatch((await health(proxy, 'readyz')).text, /secret/);
  await eventually('the log', () => /request\.secret/.test(proxy.stderr()));
  assert.deepEqual([await code(), await reloads('failure'), await reloads('success')], [403, 1, 0]);

  // The last version keeps the verdict, the new one asks anew.
  webhook.decide = () => ({ allowed: true });
  assert.equal(await code(), 403);
  await webhook.write({ matchConditions: [{ expression: "request.user == 'alice'" }] });
  await eventually('the new file', async () => (await code()) === 200);
  assert.equal(await reloads('success'), 1);
  assert.doesNotMatch((await health(proxy, 'readyz')).text, /warn: --authorization-config/);
});
