import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { kubectl, kubectlTest } from '../../support/clients/kubectl.js';
import { eventually } from '../../support/eventually.js';
import { type FakeApiServer, startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { type ExecPlugin, writeExecPlugin } from '../../support/identities/exec-plugin.js';
import { type RunningProgram as Program, startInProcess } from '../../support/proxy/in-process.js';
import { type KubeconfigContents, writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { bothLegs, health, passed, probe, sample } from '../credential-probe.js';
import { assertStatus } from '../leg.js';

const masters = ['system:masters'];

interface Setting {
  readonly server: FakeApiServer;
  readonly plugin: ExecPlugin;
  /** Makes the API server accept a token, or no longer accept it. */
  allow(token: string): void;
  revoke(token: string): void;
  /** Starts the program in this process. */
  start(...differences: Differences): Promise<Program>;
}

/** More fields of the plugin's entry and of the kubeconfig, and more environment variables. */
type Differences = [
  more?: Readonly<Record<string, unknown>>,
  contents?: Partial<KubeconfigContents>,
  env?: Readonly<Record<string, string>>,
];

/** An API server that accepts tokens and certificates, and a kubeconfig with a plugin. */
async function set(t: TestContext, options: Parameters<typeof writeExecPlugin>[0] = {}): Promise<Setting> {
  const tokens: Record<string, { username: string; groups: string[] }> = {};
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  const plugin = await writeExecPlugin(options);
  t.after(async () => {
    await server.kill();
    await plugin.remove();
  });
  const flags = async (...[more, contents]: Differences) => {
    const cluster = { server: server.url, ca: server.authority.certificate };
    const kubeconfig = await writeKubeconfig({ ...cluster, user: { exec: plugin.exec(more) }, ...contents });
    return ['--kubeconfig', kubeconfig.path, '--reject-paths=', '--log-level=debug'];
  };
  return {
    server,
    plugin,
    allow: token => {
      tokens[token] = { username: token, groups: masters };
    },
    revoke: token => {
      delete tokens[token];
    },
    async start(more, contents, env) {
      return startInProcess(t, await flags(more, contents), env);
    },
  };
}

/** How many renewed credentials the log reports. */
function renewals(proxy: Program): number {
  return proxy.log().filter(({ msg }) => msg === 'the exec credential was renewed').length;
}

/** Waits until the log reports a renewed credential. */
async function ready(proxy: Program): Promise<void> {
  await eventually('a first credential', () => renewals(proxy) > 0);
}

/**
 * The plugin runs at the start and once more after a 401, then at most once in 10 s. A failing plugin runs again after 1, 2, 4, … s,
 * if `failing` is set. A busy machine takes longer for the same requests.
 */
function assertFewRuns(plugin: ExecPlugin, began: number, failing = false): void {
  const seconds = (performance.now() - began) / 1000;
  const most = 2 + Math.floor(failing ? Math.log2(1 + seconds) : seconds / 10);
  assert.ok(plugin.runs() <= most, `the plugin ran ${plugin.runs()} times, not ${most} at most`);
}

/** The program after a request with the token `one`. From now on the API server accepts only the token `two`. */
async function startAndRevoke(t: TestContext) {
  const { server, plugin, allow, revoke, start } = await set(t);
  allow('one');
  await plugin.answer({ token: 'one' });
  const proxy = await start();
  assert.equal((await probe(proxy, server)).code, 200);
  revoke('one');
  allow('two');
  return { server, plugin, proxy };
}

describe('an exec credential plugin', { concurrency: 12 }, () => {
  test('runs once if twenty requests of both legs arrive together', async t => {
    const { server, plugin, allow, start } = await set(t);
    allow('one');
    await plugin.answer({ token: 'one' });
    await plugin.delay(1500);
    const proxy = await start();
    const legs = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 'plain' : 'websocket'));
    const answers = await Promise.all(legs.map(leg => probe(proxy, server, leg)));
    for (const [index, { code, authorization }] of answers.entries()) {
      assert.equal(code, passed(legs[index] ?? 'plain'));
      assert.equal(authorization, 'Bearer one');
    }
    for (const leg of bothLegs) assert.equal((await probe(proxy, server, leg)).code, passed(leg));
    assert.equal(plugin.runs(), 1);
    assert.equal(
      await sample(proxy, 'kube_api_proxy_credential_refreshes_total{source="exec",result="success"}'),
      1,
    );
  });

  for (const leg of bothLegs) {
    test(`runs once more after a 401, and the request (${leg}) is sent again with the new credential`, async t => {
      const { server, plugin, proxy } = await startAndRevoke(t);
      await plugin.answer({ token: 'two' });
      const { code, arrived } = await probe(proxy, server, leg);
      assert.equal(code, passed(leg));
      assert.deepEqual(
        arrived.map(({ headers }) => headers['authorization']),
        ['Bearer one', 'Bearer two'],
      );
      assert.equal(plugin.runs(), 2);
    });
  }

  test("does not run for each request while new tokens still get a 401, and the 401 is the API server's", async t => {
    const { server, plugin, start } = await set(t);
    const answer = { kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1' };
    const text = JSON.stringify({ ...answer, status: { token: 'refused-NUMBER' } });
    await writeFile(
      plugin.path,
      `#!/bin/sh\necho run >> "\${0%/*}/runs"\necho '${text}' | sed s/NUMBER/$$/\n`,
    );
    const began = performance.now();
    const proxy = await start();
    await ready(proxy);
    for (let count = 0; count < 10; count++) {
      for (const leg of bothLegs) {
        const { answer: refusal, arrived } = await probe(proxy, server, leg);
        assert.equal(assertStatus(refusal, 401, leg), 'Unauthorized');
        assert.ok(refusal.headers.has('audit-id'), 'the answer is not that of the API server');
        assert.ok(arrived.length <= 2);
      }
    }
    assertFewRuns(plugin, began);
  });

  test('runs after a 401 to the check of readyz, so that a proxy without traffic recovers', async t => {
    const { plugin, allow, revoke, start } = await set(t);
    allow('one');
    await plugin.answer({ token: 'one' });
    const proxy = await start();
    await ready(proxy);
    await plugin.answer({ token: 'two' });
    revoke('one');
    allow('two');
    // The check of the start, if it has passed, counts for 10 s.
    await eventually(
      'the second run',
      async () => (await health(proxy, 'readyz')).status === 200 && plugin.runs() === 2,
    );
  });

  test('that is missing makes requests fail with a 503 and its hint, and works as soon as it is installed', async t => {
    const { server, plugin, allow, start } = await set(t);
    allow('one');
    await plugin.answer({ token: 'one' });
    const command = join(plugin.directory, 'not-yet');
    const proxy = await start({ command, installHint: 'Get it at example.com.\nThen log in.' });
    for (const leg of bothLegs) {
      const { answer, arrived } = await probe(proxy, server, leg);
      const message = assertStatus(answer, 503, leg);
      assert.match(message, /not-yet not found/);
      assert.match(message, /Get it at example\.com\.\nThen log in\./);
      assert.equal(arrived.length, 0);
    }
    assert.equal((await health(proxy, 'livez')).status, 200);
    const unready = await health(proxy, 'readyz');
    assert.equal(unready.status, 500);
    assert.match(unready.text, /\[-\]credentials failed: .*not-yet not found/);
    assert.equal(server.connectionsAccepted, 0, 'something went upstream without a credential');
    assert.ok(
      ((await sample(proxy, 'kube_api_proxy_credential_refreshes_total{source="exec",result="failure"}')) ??
        0) >= 1,
    );
    await writeFile(command, `#!/bin/sh\nexec ${plugin.path}\n`);
    await chmod(command, 0o755);
    await eventually('recovery', async () => (await probe(proxy, server)).code === 200);
    assert.equal((await probe(proxy, server, 'websocket')).code, 101);
    await eventually('readiness', async () => (await health(proxy, 'readyz')).status === 200);
  });
});

kubectlTest('kubectl sees no 401 for a revoked token, and prints why there is no credential', async t => {
  const { plugin, allow, revoke, start } = await set(t);
  allow('one');
  await plugin.answer({ token: 'one' });
  const proxy = await start();
  const first = await kubectl(['-s', proxy.url, 'get', 'pod', 'web-0', '-o', 'name']);
  assert.equal(first.stdout, 'pod/web-0\n', first.stderr);
  revoke('one');
  allow('two');
  await plugin.answer({ token: 'two' });
  const exec = await kubectl(['-s', proxy.url, 'exec', 'web-0', '--', 'echo', 'hello']);
  assert.deepEqual([exec.code, exec.stdout], [0, 'hello\n'], exec.stderr);
  assert.equal(plugin.runs(), 2);
  const without = await start({ command: 'no-such-plugin', installHint: 'Install it first.' });
  const refused = await kubectl(['-s', without.url, 'get', '--raw', '/api/v1/pods']);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /executable no-such-plugin not found[\s\S]*Install it first\./);
});
