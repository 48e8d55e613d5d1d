import assert from 'node:assert/strict';
import { openWatch } from '../../../support/clients/watch-client.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { untilOwnMetric } from '../../../support/proxy/own-metric.js';

test('a `timeout` ends no watch, even if it is no duration, and typed informers share theirs whatever it is', async (t, server) => {
  const namespace = await server.createNamespace();
  const kubeconfig = await server.kubeconfig();
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const { metadata } = (await server.admin.do('GET', path)) as { metadata: { resourceVersion: string } };
  const { resourceVersion } = metadata;
  const [unshared, shared] = await Promise.all([
    startInProcess(t, [`--kubeconfig=${kubeconfig}`]),
    startInProcess(t, [`--kubeconfig=${kubeconfig}`, '--share-watches']),
  ]);
  const open = (url: string, timeout: string) =>
    openWatch(
      `${url}${path}?allowWatchBookmarks=true&resourceVersion=${resourceVersion}&timeout=${timeout}&timeoutSeconds=554&watch=true`,
      { headers: { Accept: 'application/json, */*', 'Accept-Encoding': 'gzip' } },
    );
  const watches = await Promise.all([
    ...['1ms', '-1s', 'nonsense', ''].map(timeout => open(unshared.url, timeout)),
    ...['1ms', '-1s', '9m14s', '6m0s', '5m1s'].map(timeout => open(shared.url, timeout)),
  ]);
  await untilOwnMetric(shared.port, 'kube_api_proxy_shared_watches', 1);
  await untilOwnMetric(shared.port, 'kube_api_proxy_shared_watch_clients', 5);
  await server.admin.do('POST', path, { metadata: { name: 'later' } });
  for (const watch of watches) {
    assert.equal(watch.status, 200);
    await watch.untilNamed('later');
    assert.equal(watch.state(), 'open');
  }
  for (const watch of watches) watch.close();
});
