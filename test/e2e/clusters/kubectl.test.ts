import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after } from 'node:test';
import { kubectl, kubectlTest, seen, startKubectl } from '../../support/clients/kubectl.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { arn, mountOf, rancherPath, startManyStack } from '../../support/proxy/many-clusters.js';

const stack = await startManyStack({ after }, { run: startInProcess, flags: ['--reject-paths='] });
const { proxy, one, two } = stack;
const home = join(stack.folder, 'home');
await mkdir(home);
const env = { HOME: home, KUBECONFIG: '' };

const running: ChildProcess[] = [];
after(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs kubectl on the mount of a context. It must exit with 0. Returns its standard output. */
async function succeed(context: string, args: readonly string[]): Promise<string> {
  const server = `${proxy.url}${mountOf(context)}`;
  const { code, stdout, stderr } = await kubectl(['-s', server, ...args], { env });
  assert.equal(code, 0, `kubectl -s ${server} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** A kubectl that runs until the end of this file's tests. */
function start(context: string, args: readonly string[]) {
  const child = startKubectl(['-s', `${proxy.url}${mountOf(context)}`, ...args], env);
  running.push(child);
  return child;
}

const isOfTwo = (context: string) => !['one', 'a'].includes(context);

kubectlTest('kubectl get on a context reads its own cluster with its own user', async () => {
  for (const context of ['one', 'two', 'a', 'b', arn, 'rancher']) {
    const cluster = await succeed(context, ['get', 'cm', 'which', '-o', 'jsonpath={.data.cluster}']);
    assert.equal(cluster, isOfTwo(context) ? 'two' : 'one');
    const [arrival] = stack.arrivals('/configmaps/which').filter(found => found.context === context);
    assert.equal(arrival?.server, cluster);
    const path = '/api/v1/namespaces/default/configmaps/which';
    assert.equal(arrival?.target, context === 'rancher' ? `${rancherPath}${path}` : path);
  }
});

kubectlTest("kubectl exec and port-forward reach the mount's own cluster", async () => {
  for (const context of ['a', arn, 'rancher']) {
    const mark = `to-${context.replace(/\W/g, '-')}`;
    assert.equal(await succeed(context, ['exec', 'web-0', '--', 'echo', mark]), `${mark}\n`);
    const [arrival, ...more] = stack.arrivals(mark);
    assert.deepEqual([arrival?.context, arrival?.server], [context, isOfTwo(context) ? 'two' : 'one']);
    assert.deepEqual(more, [], 'there was no second try');
  }
  await seen(start('b', ['port-forward', 'web-0', ':80']), /Forwarding from/);
  assert.deepEqual(
    [one, two].map(({ requests }) => requests.filter(({ rawUrl }) => rawUrl.includes('portforward')).length),
    [0, 1],
  );
});

kubectlTest('kubectl proxy of a context whose server is a mount works too', async () => {
  // The path of the server URL is appended only with a flag, as for every server URL with a path.
  const server = `${proxy.url}${mountOf('b')}`;
  const args = ['-s', server, 'proxy', '--port=0', '--append-server-path'];
  const child = spawn('kubectl', args, { env: { PATH: process.env['PATH'] ?? '', ...env } });
  running.push(child);
  const [, address] = await seen(child, /Starting to serve on (\S+)\n/);
  const response = await fetch(`http://${address}/api/v1/namespaces/default/configmaps/which`);
  assert.match(await response.text(), /"cluster":"two"/);
});
