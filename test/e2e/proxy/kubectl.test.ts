import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after } from 'node:test';
import { type KubectlResult, kubectl, kubectlTest } from '../../support/clients/kubectl.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
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

function run(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<KubectlResult> {
  return kubectl(['-s', proxy.url, ...args], { env: { ...env, ...variables } });
}

kubectlTest('kubectl prints a Table, and acts as the user of the kubeconfig', async () => {
  const { stdout } = await run(['get', 'pods']);
  assert.match(stdout, /^NAME +READY +STATUS +RESTARTS +AGE\nweb-0 +1\/1 +Running /);
  assert.match((await run(['auth', 'whoami'])).stdout, new RegExp(`^Username +${server.user}$`, 'm'));
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
