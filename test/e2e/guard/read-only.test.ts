import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { uncertainSpellings } from '../../guard/uncertain-spellings.js';
import { type KubectlResult, kubectl, kubectlTest } from '../../support/clients/kubectl.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { ownMetric } from '../../support/proxy/own-metric.js';
import { startStack } from '../../support/proxy/stack.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { assertStatus, send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

// --read-only itself must reject exec and the others, not the filter.
const server = await embeddedApiServer({ after });
const api = await startStack({ after }, { server, flags: ['--read-only', '--reject-paths='] });
const folder = temporaryFolder();

const { reached, arrivals } = requestsReaching(() => server);

async function rejections(): Promise<number> {
  return Number(await ownMetric(api.port, 'kube_api_proxy_rejected_requests_total{reason="read_only"}'));
}

function run(...args: string[]): Promise<KubectlResult> {
  return kubectl(['-s', api.proxy.url, ...args], { env: { HOME: folder, KUBECONFIG: '' } });
}

const pod = '/api/v1/namespaces/default/pods/web-0';

kubectlTest(
  'kubectl changes nothing through a read-only proxy, and names the flag that prevents it',
  async () => {
    const manifest = join(folder, 'configmap.yaml');
    await writeFile(manifest, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\n');
    await writeFile(join(folder, 'file'), 'x');
    const before = await rejections();
    const commands = [
      ['apply', '-f', manifest, '--validate=false'],
      ['delete', 'pod', 'web-0', '--wait=false'],
      ['exec', 'web-0', '--', 'id'],
      ['cp', join(folder, 'file'), 'web-0:/tmp/file'],
      ['port-forward', 'web-0', '0:80'],
    ];
    for (const args of commands) {
      const { code, stderr } = await run(...args);
      assert.notEqual(code, 0, args.join(' '));
      assert.match(stderr, /--read-only|[Ff]orbidden/, args.join(' '));
    }
    assert.ok((await rejections()) >= before + commands.length);
    const changes = (await arrivals()).filter(
      ({ method, target }) => method !== 'GET' || /\/(exec|attach|portforward|proxy)\b/.test(target),
    );
    assert.deepEqual(changes, []);
  },
);

for (const leg of ['plain', 'websocket', 'spdy'] as const) {
  it(`--read-only rejects writes, connects and all that it cannot read on the ${leg} leg`, async () => {
    const before = await rejections();
    // test/guard/read-only.test.ts has all methods and paths.
    const requests = [
      ...['POST', 'DELETE', 'OPTIONS'].map(method => ({ method, target: pod })),
      ...['exec', 'portforward', 'proxy/x'].map(name => ({ target: `${pod}/${name}` })),
      { target: pod, headers: ['X-HTTP-Method-Override: DELETE'] },
      ...(leg === 'spdy' ? [] : uncertainSpellings).map(target => ({ target })),
    ];
    for (const request of requests) {
      const what = JSON.stringify(request);
      const answer = await send(api.port, { leg, ...request });
      assert.match(assertStatus(answer, 403, what), /--read-only/, what);
    }
    assert.equal(await rejections(), before + requests.length);
    assert.deepEqual(await reached(), []);
  });
}
