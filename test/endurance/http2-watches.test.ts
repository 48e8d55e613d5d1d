import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { open, send } from '../support/clients/http-client.js';
import { collectText } from '../support/collected-text.js';
import { eventually, within } from '../support/eventually.js';
import { untilOwnMetric } from '../support/proxy/own-metric.js';
import { startStack } from '../support/proxy/stack.js';

const configMaps = '/api/v1/namespaces/default/configmaps';
const active = 'kube_api_proxy_upstream_connections{state="active"}';

test('3000 watches that one client opens and leaves use few connections, and affect no watch of another client', async t => {
  const { server, proxy, port } = await startStack(t);
  const patient = await open(port, `${configMaps}?watch=true`);
  const text = collectText(patient);
  let left = 3000;
  const restless = async () => {
    for (; left > 0; left--) (await open(port, `${configMaps}?watch=true&restless`)).destroy();
  };
  await Promise.all(Array.from({ length: 20 }, restless));
  await createConfigMap(port, 'seen-by-the-patient');
  await eventually('the event', () => text().includes('"seen-by-the-patient"'));
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
  for (let started = 0; started < 1000; started += 50) {
    const path = `${configMaps}?watch=true&fieldSelector=metadata.name=news`;
    responses.push(...(await Promise.all(Array.from({ length: 50 }, () => open(port, path)))));
  }
  const texts = responses.map(response => collectText(response.on('error', () => {})));
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
  await eventually('the event in every watch', () => texts.every(text => text().includes('"news"')));
  await within('the plain requests', getting);
  for (const response of responses) response.destroy();
  await eventually('the end of the upstream connections', () => server.connections <= 140);
});

async function createConfigMap(port: number, name: string): Promise<void> {
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  const headers = { 'content-type': 'application/json' };
  assert.equal((await send(port, configMaps, { method: 'POST', headers, body })).status, 201);
}
