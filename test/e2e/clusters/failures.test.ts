import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { kubectl, kubectlTest } from '../../support/clients/kubectl.js';
import { eventually } from '../../support/eventually.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { missingFile, startManyStack, which } from '../../support/proxy/many-clusters.js';

const { proxy, port, folder } = await startManyStack({ after }, { run: startInProcess });

test('a context whose files are missing does not ask clients to try again every second', async () => {
  // With a Retry-After, client-go tries up to ten times, and kubectl sends five such requests.
  const { status, headers } = await sendPlain(port, `/clusters/broken${which}`);
  assert.equal(status, 503);
  assert.equal(headers['retry-after'], undefined);
});

kubectlTest('kubectl ends at once with the reason if files of a context are missing', async () => {
  const home = join(folder, 'home');
  await mkdir(home);
  const args = ['-s', `${proxy.url}/clusters/broken`, '-v=8', 'get', 'cm', 'which'];
  const { code, stderr } = await kubectl(args, { env: { HOME: home, KUBECONFIG: '' }, timeout: 30_000 });
  assert.equal(code, 1, 'it ended by itself');
  assert.ok(stderr.includes(missingFile), stderr);
});

test('a kubeconfig that cannot be read does not change contexts that have not been used yet', async t => {
  const stack = await startManyStack(t, { run: startInProcess });
  await writeFile(stack.kubeconfig, 'contexts: [');
  const failed = () =>
    stack.proxy.log().some(({ level, msg }) => Number(level) >= 40 && /config/i.test(String(msg)));
  await eventually('the line in the log', failed);
  assert.equal((await sendPlain(stack.port, `/clusters/b${which}`)).status, 200);
});

test('a Location that leaves the path of the server’s URL leads to the server itself, not to the current cluster', async t => {
  const stack = await startManyStack(t, { run: startInProcess });
  let location = '';
  stack.two.intercept(({ url = '' }, response) => {
    if (!url.includes('/redirect')) return false;
    response.writeHead(302, { Location: location, 'Content-Length': 0 }).end();
    return true;
  });
  for (const sent of ['/login', `${stack.two.url}/login`]) {
    location = sent;
    const { headers } = await sendPlain(stack.port, '/clusters/rancher/redirect');
    assert.equal(headers.location, `${stack.two.url}/login`, sent);
  }
});
