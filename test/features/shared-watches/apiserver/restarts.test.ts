import assert from 'node:assert/strict';
import { openWatch, type WatchClient } from '../../../support/clients/watch-client.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startRestartableServer } from '../../../support/kube-apiserver/restartable-server.js';
import { patientClock } from '../../../support/patient-clock.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { untilOwnMetric } from '../../../support/proxy/own-metric.js';
import { startProxy } from '../../../support/proxy/proxy.js';
import { forms } from '../../../support/proxy/watched-namespace.js';
import { NumberedObjects } from './numbered-objects.js';
import { Reflector } from './reflector.js';

/** Milliseconds; the start of an API server is a part of it. */
const patience = 120_000;

test('an API server that is killed and started again cuts 50 watches, whose clients go on, and 50 shared ones notice nothing, nor do those of Tables, which get columns with their first event alone', async (t, run) => {
  const own = await startRestartableServer(t, run);
  const kubeconfig = await own.server.kubeconfig();
  const [plain, sharing] = await Promise.all([
    startProxy([`--kubeconfig=${kubeconfig}`]),
    startInProcess(t, [`--kubeconfig=${kubeconfig}`, '--share-watches'], {}, { clock: patientClock }),
  ]);
  t.after(() => plain.stop('SIGKILL'));
  const objects = await NumberedObjects.in(own.server);
  const follow = (url: string) => Array.from({ length: 50 }, () => new Reflector(t, url + objects.path));
  const [unshared, shared] = [follow(plain.url), follow(sharing.url)];
  const from = await objects.create(own.server, 1);
  // What begins with the same event is encoded once for both of these, and then one of them still has its columns to send.
  const queries = [`watch=1&resourceVersion=${from}`, `watch=1&resourceVersion=${from}&labelSelector=!none`];
  const headers = { Accept: forms.table };
  const open = (query: string) => openWatch(`${sharing.url}${objects.path}?${query}`, { headers });
  const watches = await Promise.all([...queries, ...queries].map(open));
  const change = async (before: number) => {
    let count = before;
    // After a restart the API server sends the columns again, with the first event.
    for (const number of [1, 1, 8]) {
      await objects.create(own.server, number);
      count += number;
      await Promise.all(watches.map(watch => watch.until(count)));
    }
    const all = [...unshared, ...shared];
    await Promise.all(all.map(reflector => reflector.until(1 + count, patience)));
    await untilOwnMetric(sharing.port, 'kube_api_proxy_shared_watches', 3);
    await untilOwnMetric(sharing.port, 'kube_api_proxy_shared_watch_clients', 54);
  };
  await change(0);
  await own.kill();
  await own.restart();
  await change(10);
  for (const { lists, ends } of unshared) assert.deepEqual([lists, ends], [1, ['cut']]);
  for (const { lists, ends } of shared) assert.deepEqual([lists, ends], [1, []]);
  const columns = (watch: WatchClient) =>
    watch.events().map(({ object }) => object.columnDefinitions?.length ?? null);
  for (const watch of watches) assert.deepEqual(columns(watch), [3, ...Array(19).fill(null)]);
});
