import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import { eventually } from '../../../support/eventually.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { writeSecret } from '../../../support/found-clusters/found-gateway.js';
import { certificateUser, kubeconfigOf } from '../../../support/found-clusters/found-objects.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';
import { scrapeOwn, sumOf } from '../../../support/proxy/own-metric.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';

const count = 500;
/** Those of them that are down: nothing listens there, or the name does not resolve. */
const down = 50;

test('500 found clusters, 50 of them down, cost no connection and little memory before they are used, and nothing while all rotate', async t => {
  const home = await startFakeApiServer({ seed: false });
  const found = await startFakeApiServer({ clientCertificates: 'optional' });
  t.after(() => Promise.all([home.kill(), found.kill()]));
  const ca = found.authority.certificate;
  const users = await Promise.all([0, 1].map(() => found.authority.client({ keyType: 'rsa2048' })));
  const urlOf = (index: number) => {
    if (index >= down) return found.url;
    return index % 2 === 0 ? 'https://127.0.0.1:1' : `https://c${index}.invalid`;
  };
  const write = (generation: 0 | 1) => {
    for (let index = 0; index < count; index++) {
      const user = certificateUser(users[generation] as (typeof users)[number]);
      writeSecret(home, `c${index}`, kubeconfigOf('c', { url: urlOf(index), ca, user }));
    }
  };
  write(0);
  const { path } = await writeKubeconfig({
    ...{ server: home.url, ca: home.authority.certificate, ...home.clientCertificate },
  });
  const begun = performance.now();
  const { port } = await startProxyFor(t, [
    ...[`--kubeconfig=${path}`, '--clusters-from=cluster-api:fleet'],
    '--clusters-from-servers=127\\.0\\.0\\.1,.*\\.invalid',
  ]);
  const metric = async (name: string, labels = {}) => sumOf(await scrapeOwn(port), name, labels);
  const memory = async () => {
    const [heap, external] = ['nodejs_heap_size_used_bytes', 'nodejs_external_memory_bytes'].map(name =>
      metric(name),
    );
    return Math.round((((await heap) ?? 0) + ((await external) ?? 0)) / 1024);
  };
  const say = (text: string) => t.diagnostic(text);
  const before = await memory();
  const listed = async () => {
    const { clusters } = (await send(port, '/-/clusters')).json as { readonly clusters: readonly object[] };
    return clusters.length === count + 1;
  };
  await eventually('all are served', listed);
  say(`all are served ${Math.round(performance.now() - begun)} ms after the start of the process`);
  const usable = async () => (await metric('kube_api_proxy_found_clusters', { state: 'usable' })) === count;
  await eventually('all are read', usable);
  say(`all are read after ${Math.round(performance.now() - begun)} ms`);
  say(`heap and external memory: ${before} KB at the start, ${await memory()} KB now`);
  assert.equal(found.connectionsAccepted, 0, 'nothing is dialled before a request');

  const get = (index: number) => send(port, `/clusters/fleet.c${index}/version`);
  const failing = Promise.all(Array.from({ length: down }, (_, index) => get(index)));
  for (let index = down; index < count; index++) assert.equal((await get(index)).status, 200);
  for (const { status } of await failing) assert.ok(status >= 500);

  await metric('nodejs_eventloop_lag_max_seconds');
  const read = () => home.requests.filter(({ rawUrl }) => /secrets\/c/.test(rawUrl)).length;
  const readBefore = read();
  write(1);
  await eventually('all are read again', () => read() >= readBefore + count);
  say(`longest turn of the event loop: ${await metric('nodejs_eventloop_lag_max_seconds')} s`);
  for (let index = down; index < count; index++) assert.equal((await get(index)).status, 200);
});
