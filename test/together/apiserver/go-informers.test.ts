import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test as nodeTest } from 'node:test';
import { startGoInformer, whyNoGo } from '../../support/clients/go-informer.js';
import { eventually } from '../../support/eventually.js';
import { configMap, configMapsIn } from '../../support/fake-api-server/config-maps.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { untilOwnMetric } from '../../support/proxy/own-metric.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const folder = temporaryFolder();

if (whyNoGo !== undefined) nodeTest('typed informers of Go share', { skip: whyNoGo }, () => {});
else
  test('typed informers of Go that list by watching share one watch, and miss nothing', async (t, server) => {
    const namespace = await server.createNamespace();
    const path = configMapsIn(namespace);
    for (const name of ['a', 'b']) await server.admin.do('POST', path, configMap(namespace, name));
    const kubeconfig = await server.kubeconfig();
    const auditLog = join(folder, 'audit.log');
    const flags = [`--kubeconfig=${kubeconfig}`, '--share-watches', `--audit-log-path=${auditLog}`];
    const proxy = await startProxy(flags);
    t.after(() => proxy.stop('SIGKILL'));
    const informed = { resource: 'configmaps', namespace, listsByWatching: true };
    const started = Array.from({ length: 5 }, () => startGoInformer(t, proxy.url, informed));
    const outputs = await Promise.all(started);
    for (const output of outputs) await eventually('two objects', () => output().length === 2);
    await untilOwnMetric(proxy.port, 'kube_api_proxy_shared_watches', 1);
    await untilOwnMetric(proxy.port, 'kube_api_proxy_shared_watch_clients', 5);
    await server.admin.do('POST', path, configMap(namespace, 'c'));
    await server.admin.do('DELETE', `${path}/a`);
    for (const output of outputs) {
      await eventually('both changes', () => output().length === 4);
      assert.deepEqual(output().slice(0, 2).toSorted(), ['ADDED a', 'ADDED b']);
      assert.deepEqual(output().slice(2), ['ADDED c', 'DELETED a']);
    }
    await eventually('the requests in the audit log', () => {
      const lines = readFileSync(auditLog, 'utf8')
        .split('\n')
        .filter(line => line.includes('"RequestReceived"'));
      return lines.filter(line => line.includes('sendInitialEvents=true')).length === 5;
    });
  });
