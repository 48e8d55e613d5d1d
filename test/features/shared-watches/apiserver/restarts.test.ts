import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import { openWatch, type WatchClient } from '../../../support/clients/watch-client.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import {
  type RestartableServer,
  startRestartableServer,
} from '../../../support/kube-apiserver/restartable-server.js';
import { patientClock } from '../../../support/patient-clock.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { untilOwnMetric } from '../../../support/proxy/own-metric.js';
import { startProxy } from '../../../support/proxy/proxy.js';
import { forms } from '../../../support/proxy/watched-namespace.js';
import { NumberedObjects } from './numbered-objects.js';
import { Reflector } from './reflector.js';

/** Milliseconds; the start of an API server is a part of it. */
const patience = 120_000;

/** The program in front of an API server, once for watches of their own and once for shared ones. */
async function startBoth(t: TestContext, { server }: RestartableServer) {
  const kubeconfig = await server.kubeconfig();
  const [plain, sharing] = await Promise.all([
    startProxy([`--kubeconfig=${kubeconfig}`]),
    startInProcess(t, [`--kubeconfig=${kubeconfig}`, '--share-watches'], {}, { clock: patientClock }),
  ]);
  t.after(() => plain.stop('SIGKILL'));
  return { plain, sharing };
}

function follow(t: TestContext, number: number, url: string): Reflector[] {
  return Array.from({ length: number }, () => new Reflector(t, url));
}

async function untilAll(reflectors: readonly Reflector[], count: number): Promise<void> {
  await Promise.all(reflectors.map(reflector => reflector.until(count, patience)));
}

/** Checks that each of them has listed this often, and how its watches have ended. */
function assertHistory(reflectors: readonly Reflector[], lists: number, ends: Reflector['ends']): void {
  for (const reflector of reflectors) assert.deepEqual([reflector.lists, reflector.ends], [lists, ends]);
}

test('an API server that is killed and started again cuts 50 watches, whose clients go on, and 50 shared ones notice nothing, nor do those of Tables, which get columns with their first event alone', async (t, run) => {
  const own = await startRestartableServer(t, run);
  const { plain, sharing } = await startBoth(t, own);
  const objects = await NumberedObjects.in(own.server);
  const unshared = follow(t, 50, plain.url + objects.path);
  const shared = follow(t, 50, sharing.url + objects.path);
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
    await untilAll([...unshared, ...shared], 1 + count);
    await untilOwnMetric(sharing.port, 'kube_api_proxy_shared_watches', 3);
    await untilOwnMetric(sharing.port, 'kube_api_proxy_shared_watch_clients', 54);
  };
  await change(0);
  await own.kill();
  await own.restart();
  await change(10);
  assertHistory(unshared, 1, ['cut']);
  assertHistory(shared, 1, []);
  const columns = (watch: WatchClient) =>
    watch.events().map(({ object }) => object.columnDefinitions?.length ?? null);
  for (const watch of watches) assert.deepEqual(columns(watch), [3, ...Array(19).fill(null)]);
});

test('after a compaction of etcd and a restart, a version that is too old gets a 410, and the others miss nothing', async (t, run) => {
  const own = await startRestartableServer(t, run);
  const { plain, sharing } = await startBoth(t, own);
  const [early, late] = await Promise.all([NumberedObjects.in(own.server), NumberedObjects.in(own.server)]);
  const followers = (objects: NumberedObjects) =>
    [plain, sharing].map(({ url }) => follow(t, 10, url + objects.path)) as [Reflector[], Reflector[]];
  const [earlyUnshared, earlyShared] = followers(early);
  const [lateUnshared, lateShared] = followers(late);
  const old = await early.create(own.server, 5);
  await untilAll([...earlyUnshared, ...earlyShared], 5);
  const current = await late.create(own.server, 5);
  await untilAll([...lateUnshared, ...lateShared], 5);
  await own.kill();
  await own.compact(current);
  await own.restart();
  await early.create(own.server, 5);
  await late.create(own.server, 5);
  await untilAll([...earlyUnshared, ...earlyShared, ...lateUnshared, ...lateShared], 10);
  assertHistory(earlyUnshared, 2, ['cut', 'expired']);
  assertHistory(earlyShared, 2, ['expired']);
  assertHistory(lateUnshared, 1, ['cut']);
  assertHistory(lateShared, 1, []);
  for (const objects of [early, late]) {
    const target = `${objects.path}?watch=true&resourceVersion=${old}`;
    const { body } = await own.server.admin.ask('GET', target);
    assert.equal((body as { object: { code: number } }).object.code, 410);
    for (const { port } of [plain, sharing]) {
      const { status, json } = await send(port, target);
      assert.deepEqual([status, json], [200, body]);
    }
  }
});
