import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { JsonEvent, WatchClient } from '../../../../support/clients/watch-client.js';
import { eventually } from '../../../../support/eventually.js';
import type { ApiServer } from '../../../../support/kube-apiserver/api-server.js';
import { test } from '../../../../support/kube-apiserver/api-server-test.js';
import { startSharingGateway } from '../../../../support/kube-apiserver/sharing-gateway.js';

/** Makes a custom resource, and waits until it is served. Returns the path of its objects. */
async function define({ admin }: ApiServer, group: string, namespace: string): Promise<string> {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await admin.do('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: `widgets.${group}` },
    spec: {
      ...{ group, scope: 'Namespaced' },
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
  const path = `/apis/${group}/v1/namespaces/${namespace}/widgets`;
  await eventually('the resource', async () => (await admin.ask('GET', path)).status === 200);
  return path;
}

test('watches of a custom resource are shared once its API has been local for a minute, and end when another server takes it over', async (t, server) => {
  const namespace = await server.createNamespace();
  const group = `${randomUUID()}.example.com`;
  const users = [`ann-${group}`, `bob-${group}`];
  for (const user of users)
    await server.bind(namespace, user, [{ apiGroups: [group], resources: ['widgets'], verbs: ['watch'] }]);
  const path = await define(server, group, namespace);
  const gateway = await startSharingGateway(t, server, users);
  const { metadata } = (await server.admin.do('GET', path)) as JsonEvent['object'];
  const target = `${path}?watch=1&resourceVersion=${metadata.resourceVersion}`;
  const openBoth = async (query = '') => {
    const watches = [];
    for (const user of users) watches.push(await gateway.shared(user, target + query));
    return watches;
  };
  for (const { status } of await openBoth()) assert.equal(status, 200);
  assert.equal((await gateway.joins())['opened'], 2, 'each has one of its own');
  let shared: WatchClient[] = [];
  await eventually('a shared watch', async () => {
    gateway.clock.pass(60_000);
    shared = await openBoth();
    return ((await gateway.joins())['ring'] ?? 0) > 0;
  });
  await server.admin.do('POST', path, {
    ...{ apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name: 'one' } },
  });
  for (const watch of shared) await watch.untilNamed('one');
  const apiService = `/apis/apiregistration.k8s.io/v1/apiservices/v1.${group}`;
  await server.admin.do('PATCH', apiService, {
    metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': null } },
    spec: { service: { name: 'nobody', namespace: 'default', port: 443 }, insecureSkipTLSVerify: true },
  });
  for (const watch of shared) assert.equal(await watch.ended, 'end');
  const { ring } = await gateway.joins();
  gateway.clock.pass(60_000);
  await openBoth('&labelSelector=a%3Db');
  assert.equal((await gateway.joins())['ring'], ring, 'nobody joins another one');
  await server.admin.do('DELETE', apiService);
});
