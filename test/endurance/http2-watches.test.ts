import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { heapInUse, inspected } from '../endurance/garbage.js';
import { sharedIdentity } from '../support/certificates/certificates.js';
import { open, send } from '../support/clients/http-client.js';
import { eventually, within } from '../support/eventually.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { ownMetrics, untilOwnMetric } from '../support/proxy/own-metric.js';
import { openDescriptors, settled } from '../support/proxy/process-state.js';
import { startProxy } from '../support/proxy/proxy.js';
import { startStack } from '../support/proxy/stack.js';
import { startFrameServer } from '../support/upstreams/http2-frame-server.js';
import { answerAll, watchAndLeave } from './http2-watches.js';

const configMaps = '/api/v1/namespaces/default/configmaps';
const active = 'kube_api_proxy_upstream_connections{state="active"}';

test('5000 watches on connections of HTTP/2 leave nothing behind', async t => {
  const { authority } = await sharedIdentity();
  const server = await startFrameServer({ authority, settings: [[3, 250]], onConnection: answerAll });
  t.after(() => server.close());
  const kubeconfig = await writeKubeconfig({
    server: `https://127.0.0.1:${server.port}`,
    ca: authority.certificate,
    token: 'a-token',
  });
  const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, '--log-requests=none'], inspected);
  t.after(() => proxy.stop('SIGKILL'));
  const many = async (count: number) => {
    await watchAndLeave(proxy.port, count);
    await untilOwnMetric(proxy.port, active, 0);
    const open = async () => (await ownMetrics(proxy.port)).get('kube_api_proxy_longrunning_requests');
    await eventually('no open watch', async () => (await open()) === 0);
  };
  const measure = async () => ({
    heap: await heapInUse(proxy),
    descriptors: openDescriptors(proxy.pid),
  });
  await many(4000);
  const before = await measure();
  const connections = server.accepted.length;
  await many(5000);
  const now = await measure();
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(now)}`);
  // One connection for each 200 watches that were aborted.
  const opened = server.accepted.length - connections;
  assert.ok(opened <= 20, `${opened} connections`);
  const most = before.descriptors + 5;
  assert.ok((await settled(() => openDescriptors(proxy.pid), most)) <= most);
  // A hundred bytes per watch would be half a megabyte.
  const heap = await settled(() => heapInUse(proxy), before.heap + 500_000);
  assert.ok(heap - before.heap < 500_000, `the heap grew by ${heap - before.heap} bytes`);
});

test('3000 watches that one client opens and leaves use few connections, and affect no watch of another client', async t => {
  const { server, proxy, port } = await startStack(t);
  const patient = await open(port, `${configMaps}?watch=true`);
  let text = '';
  patient.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  let left = 3000;
  const restless = async () => {
    for (; left > 0; left--) (await open(port, `${configMaps}?watch=true&restless`)).destroy();
  };
  await Promise.all(Array.from({ length: 20 }, restless));
  await createConfigMap(port, 'seen-by-the-patient');
  await eventually('the event', () => text.includes('"seen-by-the-patient"'));
  const watches = server.requests.filter(({ rawUrl }) => rawUrl.includes('watch=true'));
  const ports = new Set(watches.map(({ remotePort }) => remotePort));
  assert.ok(ports.size < 20, `${ports.size} connections`);
  patient.on('error', () => {}).destroy();
  await untilOwnMetric(proxy.port, active, 0);
  await eventually('few connections', () => server.connections < 30);
});

test('a thousand watches all get their event, and plain requests do not wait for their end', async t => {
  const { server, port } = await startStack(t);
  const responses: http.IncomingMessage[] = [];
  const texts: string[] = [];
  for (let started = 0; started < 1000; started += 50) {
    const path = `${configMaps}?watch=true&fieldSelector=metadata.name=news`;
    responses.push(...(await Promise.all(Array.from({ length: 50 }, () => open(port, path)))));
  }
  for (const [index, response] of responses.entries()) {
    texts[index] = '';
    response.on('error', () => {}).setEncoding('utf8');
    response.on('data', (chunk: string) => {
      texts[index] += chunk;
    });
  }
  const watches = server.requests.filter(({ rawUrl }) => rawUrl.includes('watch=true'));
  assert.equal(watches.length, 1000);
  const ports = new Set(watches.map(({ remotePort }) => remotePort));
  assert.ok(ports.size >= 10 && ports.size <= 12, `${ports.size} connections`);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  t.after(() => agent.destroy());
  const getting = Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let turn = 0; turn < 50; turn += 1) {
        assert.equal((await send(port, '/api/v1/namespaces/default/pods', { agent })).status, 200);
      }
    }),
  );
  await createConfigMap(port, 'news');
  await eventually('the event in every watch', () => texts.every(text => text.includes('"news"')));
  await within('the plain requests', getting);
  for (const response of responses) response.destroy();
  await eventually('the end of the upstream connections', () => server.connections <= 140);
});

async function createConfigMap(port: number, name: string): Promise<void> {
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  const headers = { 'content-type': 'application/json' };
  assert.equal((await send(port, configMaps, { method: 'POST', headers, body })).status, 201);
}
