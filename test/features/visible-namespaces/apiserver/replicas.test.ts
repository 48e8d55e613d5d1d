import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { PassThrough } from 'node:stream';
import { eventually } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { FilteringGateway, sees } from '../../../support/kube-apiserver/filtering-gateway.js';
import { listen } from '../../../support/ports.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';

test('what another gateway has listed with the old names, because its watch of RBAC lags, does not hide an ADDED for ever', async (t, server) => {
  const gateway = await FilteringGateway.start(t, server, { users: ['ann'] });
  const own = await gateway.namespaceOf('ann', 'own');
  const later = await gateway.namespace('later');

  // Between the other gateway and the API server: it is the gateway's identity, and holds events of RBAC back.
  const { certificate: cert, key } = await server.authority.client({
    commonName: `gateway-${gateway.id}`,
    organizations: [],
  });
  const agent = new https.Agent({ ca: server.authority.certificate, cert, key });
  const held = new Set<PassThrough>();
  let isHolding = false;
  const between = http.createServer((request, response) => {
    const { method, headers, url = '' } = request;
    const { host: _host, ...fields } = headers;
    const onward = https.request(`${server.url}${url}`, { method, headers: fields, agent }, answer => {
      response.writeHead(answer.statusCode ?? 0, answer.rawHeaders);
      response.flushHeaders();
      if (!/rbac.*watch=true/.test(url)) answer.pipe(response);
      else {
        const gate = new PassThrough();
        answer.pipe(gate).pipe(response);
        if (isHolding) gate.unpipe();
        held.add(gate);
        response.on('close', () => held.delete(gate));
      }
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  t.after(() => {
    between.closeAllConnections();
    between.close();
    agent.destroy();
  });
  const port = await listen(between);
  const { path } = await writeKubeconfig({ server: `http://127.0.0.1:${port}` });
  const other = await gateway.beside(t, path);
  await eventually('the other one knows', async () => (await other.names('ann')).length === 1);
  isHolding = true;
  for (const gate of held) gate.unpipe();

  await gateway.bind(later, gateway.user('ann'));
  await eventually('the first one knows', async () => (await gateway.names('ann')).length === 2);
  const changedAt = Date.now();
  // It writes to etcd, so that versions go on.
  const write = () =>
    server.admin.do('PATCH', `/api/v1/namespaces/${own}`, { metadata: { labels: { at: `${Date.now()}` } } });
  await write();
  const list = JSON.parse((await other.ask('ann', '/api/v1/namespaces')).text) as {
    metadata: { resourceVersion: string };
    items: object[];
  };
  assert.equal(list.items.length, 1, 'it lags');
  const version = list.metadata.resourceVersion;
  const watch = await gateway.watch('ann', `&resourceVersion=${version}`);
  t.after(() => watch.close());
  await write();
  await sees(watch, `MODIFIED ${own}`);
  await eventually('the watch ends once more', () => watch.state() === 'end', 20_000);
  assert.ok(Date.now() - changedAt > 10_000);
  const last = watch.events().at(-1);
  assert.deepEqual([last?.type, last?.object.code], ['ERROR', 410]);
  // From now on, such a version is old at once.
  const again = await gateway.watch('ann', `&resourceVersion=${version}`);
  await eventually('it ends at once', () => again.state() === 'end');
  assert.deepEqual(
    again.events().map(({ object }) => object.code),
    [410],
  );
  const state = await gateway.watch('ann', '');
  t.after(() => state.close());
  await sees(state, `ADDED ${own}`, `ADDED ${later}`);
});
