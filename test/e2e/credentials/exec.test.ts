import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { writeExecPlugin } from '../../support/identities/exec-plugin.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { bothLegs, health, passed, probe, sample } from '../credential-probe.js';
import { assertStatus, clientRequests } from '../leg.js';

/** An API server that accepts the token `one`, which the plugin of a kubeconfig returns. */
async function set(t: TestContext) {
  const tokens: Record<string, { username: string; groups: string[] }> = {};
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  const plugin = await writeExecPlugin();
  t.after(async () => {
    await server.kill();
    await plugin.remove();
  });
  /** From now on the API server accepts this token alone. */
  const accept = (token: string) => {
    for (const old of Object.keys(tokens)) delete tokens[old];
    tokens[token] = { username: token, groups: ['system:masters'] };
  };
  accept('one');
  await plugin.answer({ token: 'one' });
  return {
    ...{ server, plugin, accept },
    /** Starts the program in this process, with more fields of the plugin's entry. */
    async start(more?: Readonly<Record<string, unknown>>) {
      const cluster = { server: server.url, ca: server.authority.certificate };
      const kubeconfig = await writeKubeconfig({ ...cluster, user: { exec: plugin.exec(more) } });
      return startInProcess(t, ['--kubeconfig', kubeconfig.path, '--reject-paths=', '--log-level=debug']);
    },
  };
}

test('an exec credential plugin that is missing is a 503 with its hint; it works as soon as it is installed, and runs once more for twenty requests that get a 401', async t => {
  const { server, plugin, accept, start } = await set(t);
  const command = join(plugin.directory, 'not-yet');
  const proxy = await start({ command, installHint: 'Get it at example.com.\nThen log in.' });
  const refreshes = (result: string) =>
    sample(proxy, `kube_api_proxy_credential_refreshes_total{source="exec",result="${result}"}`);
  for (const leg of bothLegs) {
    const { answer, arrived } = await probe(proxy, server, leg);
    assert.match(
      assertStatus(answer, 503, leg),
      /not-yet not found[\s\S]*Get it at example\.com\.\nThen log in\./,
    );
    assert.equal(arrived.length, 0);
  }
  assert.equal((await health(proxy, 'livez')).status, 200);
  const unready = await health(proxy, 'readyz');
  assert.equal(unready.status, 500);
  assert.match(unready.text, /\[-\]credentials failed: .*not-yet not found/);
  assert.equal(server.connectionsAccepted, 0, 'something went upstream without a credential');
  assert.ok(((await refreshes('failure')) ?? 0) >= 1);

  await writeFile(command, `#!/bin/sh\nexec ${plugin.path}\n`, { mode: 0o755 });
  await eventually('recovery', async () => (await probe(proxy, server)).code === 200);
  assert.equal((await probe(proxy, server, 'websocket')).code, 101);
  await eventually('readiness', async () => (await health(proxy, 'readyz')).status === 200);

  accept('two');
  await plugin.answer({ token: 'two' });
  const release = await plugin.hold();
  const legs = Array.from({ length: 20 }, (_, index) => bothLegs[index % 2] ?? 'plain');
  const before = clientRequests(server).length;
  const waiting = Promise.all(legs.map(leg => probe(proxy, server, leg)));
  await eventually('all of them', () => clientRequests(server).length - before >= legs.length);
  await release();
  for (const [index, { code, arrived }] of (await waiting).entries()) {
    assert.equal(code, passed(legs[index] ?? 'plain'));
    const sent = arrived.map(({ headers }) => headers['authorization']);
    assert.deepEqual(sent, ['Bearer one', 'Bearer two']);
  }
  assert.deepEqual([plugin.runs(), await refreshes('success')], [2, 2]);
});
