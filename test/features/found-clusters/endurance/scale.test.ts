import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { send } from '../../../support/clients/http-client.js';
import { eventually } from '../../../support/eventually.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { writeSecret } from '../../../support/found-clusters/found-gateway.js';
import { certificateUser, kubeconfigOf } from '../../../support/found-clusters/found-objects.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';
import { scrapeOwn, sumOf } from '../../../support/proxy/own-metric.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';

const count = 500;
/** A thread of its own: this one is the API server. It asks what the proxy answers itself, which waits for the event loop alone. */
const askAgainAndAgain = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { once } = require('node:events');
  const http = require('node:http');
  const agent = new http.Agent({ keepAlive: true });
  const ask = async () => {
    const begun = performance.now();
    const [answer] = await once(http.get({ port: workerData, path: '/-/livez', agent }), 'response');
    await once(answer.resume(), 'end');
    return performance.now() - begun;
  };
  (async () => {
    for (let warmUp = 0; warmUp < 200; warmUp++) await ask();
    let isOver = false;
    parentPort.once('message', () => { isOver = true; });
    parentPort.postMessage('warm');
    let answers = 0, longest = 0;
    while (!isOver) {
      longest = Math.max(longest, await ask());
      answers += 1;
    }
    agent.destroy();
    parentPort.postMessage({ answers, longest });
  })();
`;
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

  const read = () => home.requests.filter(({ rawUrl }) => /secrets\/c/.test(rawUrl)).length;
  const readBefore = read();
  const others = new Worker(askAgainAndAgain, { eval: true, workerData: port });
  await once(others, 'message');
  write(1);
  await eventually('all are read again', () => read() >= readBefore + count);
  others.postMessage('stop');
  const [{ answers, longest }] = await once(others, 'message');
  say(`while all rotate, ${answers} other requests, the longest ${longest.toFixed(1)} ms`);
  for (let index = down; index < count; index++) assert.equal((await get(index)).status, 200);
});
