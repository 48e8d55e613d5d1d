import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach } from 'node:test';
import {
  type KubectlResult,
  kubectl,
  kubectlTest,
  seen,
  startKubectl,
} from '../../support/clients/kubectl.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { configMap, configMapsIn } from '../../support/fake-api-server/config-maps.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStack } from '../../support/proxy/stack.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// What kubectl prints, writes and streams through the program is shown at a real API server: test/apiserver/.

const server = await embeddedApiServer({ after });
const folder = temporaryFolder();
/** Variables that hide every kubeconfig, so that kubectl gets all from the proxy. */
const env = { HOME: folder, KUBECONFIG: '' };
/** The program with its default filter, and without deletions. */
const options = { run: startInProcess, server, flags: ['--reject-methods=DELETE'] };
const { proxy } = await startStack({ after }, options);

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

function run(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<KubectlResult> {
  return kubectl(['-s', proxy.url, ...args], { env: { ...env, ...variables } });
}

/** A kubectl that keeps running, at most until the end of the test. */
function start(args: readonly string[]) {
  const child = startKubectl(['-s', proxy.url, ...args], env);
  running.push(child);
  return child;
}

kubectlTest('kubectl prints a Table, and acts as the user of the kubeconfig', async () => {
  const { stdout } = await run(['get', 'pods']);
  assert.match(stdout, /^NAME +READY +STATUS +RESTARTS +AGE\nweb-0 +1\/1 +Running /);
  assert.match((await run(['auth', 'whoami'])).stdout, new RegExp(`^Username +${server.user}$`, 'm'));
});

kubectlTest('kubectl get -w sees an event immediately', async () => {
  const namespace = await server.createNamespace();
  const write = (name: string) =>
    server.admin.do('POST', configMapsIn(namespace), configMap(namespace, name));
  await write('listed');
  const watch = start(['-n', namespace, 'get', 'configmaps', '-w', '-o', 'name']);
  await seen(watch, /configmap\/listed/);
  const added = seen(watch, /configmap\/watched/);
  await write('watched');
  await added;
});

kubectlTest('kubectl logs -f prints new lines immediately', async () => {
  const follower = start(['logs', '-f', 'web-1']);
  await seen(follower, /log line 4/);
  const line = seen(follower, /a new line/);
  // No later line could flush this one.
  server.embedded.appendLog('default', 'web-1', 'a new line');
  await line;
});

kubectlTest('kubectl prints why exec, attach, cp and a method are rejected', async () => {
  const file = join(folder, 'refused');
  await writeFile(file, 'x');
  for (const [flag, ...args] of [
    ['--reject-paths', 'exec', 'web-0', '--', 'true'],
    ['--reject-paths', 'exec', '-i', 'web-0', '--', 'cat'],
    ['--reject-paths', 'attach', 'web-0'],
    ['--reject-paths', 'cp', file, 'web-0:/tmp/refused'],
    ['--reject-methods', 'delete', 'pod', 'web-0'],
  ] as const) {
    for (const websockets of ['true', 'false']) {
      const { code, stderr } = await run(args, { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: websockets });
      assert.notEqual(code, 0, args.join(' '));
      assert.match(stderr, /Forbidden/, args.join(' '));
      assert.ok(stderr.includes(flag), args.join(' '));
    }
  }
  const asked = (await server.arrivals()).filter(
    ({ method, target }) => method === 'DELETE' || /\/(exec|attach)\b/.test(target),
  );
  assert.deepEqual(asked, [], 'the API server was not asked');
});
