import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { type AttackRequest, assertStatus, type Leg, send } from '../../../e2e/leg.js';
import { requestsReaching } from '../../../e2e/requests-reaching.js';
import { uncertainSpellings } from '../../../guard/uncertain-spellings.js';
import { send as sendPlain } from '../../../support/clients/http-client.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { eventually } from '../../../support/eventually.js';
import { projectFile } from '../../../support/project.js';
import { type RunningProgram, startInProcess } from '../../../support/proxy/in-process.js';
import type { KubeconfigFile } from '../../../support/proxy/kubeconfig-file.js';
import { ownMetric } from '../../../support/proxy/own-metric.js';
import { writeAdminKubeconfig } from '../../../support/proxy/proxy.js';

const server = await embeddedApiServer({ after });
const security = await readFile(projectFile('.github/SECURITY.md'), 'utf8');
const kubeconfig = await writeAdminKubeconfig(server);
const start = (file: KubeconfigFile, ...args: readonly string[]) =>
  startInProcess({ after }, [`--kubeconfig=${file.path}`, '--reject-paths=', ...args]);
/** --accept-namespaces, --reject-resources, and the line of SECURITY.md. */
const [confined, without, recommended] = await Promise.all([
  // --disable-filter does not disable the rules of other flags.
  start(kubeconfig, '--accept-namespaces=team-0,dev-.*', '--disable-filter'),
  start(kubeconfig, '--reject-resources=secrets,pods/exec,deployments.apps'),
  start(kubeconfig, /^ *kube-api-proxy (--reject-resources=\S+)$/m.exec(security)?.[1] ?? ''),
]);

const { reached } = requestsReaching(() => server);

async function rejections(proxy: RunningProgram, reason: string): Promise<number> {
  return Number(await ownMetric(proxy.port, `kube_api_proxy_rejected_requests_total{reason="${reason}"}`));
}

const pod = '/api/v1/namespaces/default/pods/web-0';
/** Requests that run a command in a container. kubectl's filter stops the first three alone. */
const commands: readonly AttackRequest[] = [
  { target: `${pod}/exec?command=id` },
  { method: 'POST', target: `${pod}/exec?command=id` },
  { target: `${pod}/attach` },
  { target: '/api/v1/nodes/node-0/proxy/exec/default/web-0/main?command=id' },
  { method: 'POST', target: '/api/v1/nodes/node-0/proxy/run/default/web-0/main?cmd=id' },
  { target: '/api/v1/nodes/node-0:10250/proxy/exec/default/web-0/main?command=id' },
  { target: '/api/v1/nodes/node-0/proxy/attach/default/web-0/main' },
  { method: 'PATCH', target: `${pod}/ephemeralcontainers` },
  { method: 'PUT', target: `${pod}/ephemeralcontainers` },
];

const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];
for (const leg of legs) {
  describe(`--accept-namespaces on the ${leg} leg`, () => {
    it('rejects other namespaces and requests without one, and what programs read differently, and counts them, but not the others', async () => {
      const before = await rejections(confined, 'namespace');
      const requests = ['/api/v1/namespaces/default/pods', '/api/v1/pods', ...uncertainSpellings].map(
        target => ({ target }),
      );
      for (const request of requests) {
        const answer = await send(confined.port, { leg, ...request });
        assert.match(assertStatus(answer, 403, JSON.stringify(request)), /--accept-namespaces/);
      }
      assert.deepEqual(await reached(), []);
      assert.equal(await rejections(confined, 'namespace'), before + requests.length);
      const targets = ['/api/v1/namespaces/team-0/pods', '/api/v1/namespaces/team-0', '/apis', '/version'];
      for (const target of targets) {
        assert.equal((await send(confined.port, { leg, target })).code, 200, target);
      }
      assert.deepEqual(
        await reached(),
        targets.map(target => `GET ${target}`),
      );
    });
  });

  describe(`--reject-resources on the ${leg} leg`, () => {
    it('rejects a resource, and what programs read differently, and counts it, but none of the others', async () => {
      const before = await rejections(without, 'resource');
      const requests = ['/api/v1/secrets', ...uncertainSpellings].map(target => ({ target }));
      for (const request of requests) {
        const answer = await send(without.port, { leg, ...request });
        assert.match(assertStatus(answer, 403, JSON.stringify(request)), /--reject-resources/);
      }
      assert.deepEqual(await reached(), []);
      assert.equal(await rejections(without, 'resource'), before + requests.length);
      const targets = ['/api/v1/namespaces/default/pods/web-0', '/api/v1/namespaces/secrets', '/version'];
      for (const target of targets) await send(without.port, { leg, target });
      assert.deepEqual(
        await reached(),
        targets.map(target => `GET ${target}`),
      );
    });
  });
}

it('the log and readyz name misspelt entries of --reject-resources, and readyz passes', async t => {
  const flag = '--reject-resources=secretz,pods/exce,configmaps';
  const proxy = await startInProcess(t, [`--kubeconfig=${kubeconfig.path}`, flag]);
  const warned = () => proxy.log().filter(({ msg }) => /--reject-resources/.test(String(msg)));
  await eventually('the warnings', () => warned().length >= 2);
  assert.deepEqual(
    warned().map(({ level, resource }) => [level, resource]),
    [
      [40, 'secretz'],
      [40, 'pods/exce'],
    ],
  );
  const { status, text } = await sendPlain(proxy.port, '/-/readyz?verbose');
  assert.equal(status, 200);
  assert.match(
    text,
    /\nwarn: --reject-resources: the API server has no secretz\nwarn: --reject-resources: the API server has no pods\/exce\nreadyz check passed\n$/,
  );
  assert.equal((await sendPlain(proxy.port, '/-/readyz')).text, 'ok');
});

for (const leg of legs) {
  it(`commands in containers are all stopped by the line of SECURITY.md on the ${leg} leg`, async () => {
    for (const request of commands)
      assert.equal((await send(recommended.port, { leg, ...request })).code, 403, request.target);
    assert.deepEqual(await reached(), []);
  });
}
