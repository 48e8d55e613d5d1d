import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { legs, send } from '../e2e/leg.js';
import { connectRaw } from '../support/clients/raw-http.js';
import { openWatch } from '../support/clients/watch-client.js';
import { eventually } from '../support/eventually.js';
import { startFoundGateway } from '../support/found-clusters/found-gateway.js';
import { jsonLines } from '../support/json-lines.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const pods = '/api/v1/namespaces/default/pods';

test('a found cluster that is gone ends each request to it, and says why in log, audit log and metrics; no other object gets its name', async t => {
  const auditLog = join(temporaryFolder(), 'audit.log');
  const { home, found, proxy, write, remove, path, until } = await startFoundGateway(t, {
    flags: [`--audit-log-path=${auditLog}`],
  });
  write('east');
  write('west');
  await until('west', /unused/);
  await until('east', /unused/);
  found.intercept(({ url }) => url?.includes('slow') === true);
  const watch = await openWatch(`${proxy.url}${path('east')}${pods}?watch=1`);
  const other = await openWatch(`${proxy.url}${path('west')}${pods}?watch=1`);
  const root = await openWatch(`${proxy.url}${pods}?watch=1`);
  for (const open of [watch, other, root]) t.after(open.close);
  const slow = send(proxy.port, { target: `${path('east')}/api/v1/pods?slow` });
  const attached = await Promise.all(
    (['websocket', 'spdy'] as const).map(async leg => {
      const connection = await connectRaw(proxy.port);
      const target = `${path('east')}${pods}/web-0/attach?stdin=true&stdout=true`;
      connection.write(
        Buffer.from([`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1', ...legs[leg], '', ''].join('\r\n')),
      );
      await connection.until(/^HTTP\/1\.1 101 /);
      return connection;
    }),
  );
  await found.waitForRequest(({ rawUrl }) => rawUrl.includes('slow'));

  remove('east');
  assert.equal(await watch.ended, 'end');
  assert.equal((await slow).code, 503);
  await Promise.all(attached.map(connection => connection.untilClosed()));
  assert.deepEqual([other.state(), root.state()], ['open', 'open']);
  const ended = () => proxy.log().filter(({ endedBy }) => endedBy === 'cluster');
  await eventually('each has its line', () => ended().length === 4);
  assert.ok(ended().every(({ cluster }) => cluster === 'fleet.east'));
  const annotated = () =>
    jsonLines<{ annotations?: Record<string, string> }>(readFileSync(auditLog, 'utf8')).filter(
      ({ annotations }) => annotations?.['kube-api-proxy/ended-by'] === 'cluster',
    );
  await eventually('the audit log says it', () => annotated().length === 4);
  const metrics = await send(proxy.port, { target: '/-/metrics' });
  assert.match(metrics.body, /^kube_api_proxy_longrunning_requests_ended_total\{reason="cluster"\} 4$/m);

  assert.equal((await send(proxy.port, { target: path('east') + pods })).code, 404);
  write('east', {}, 'another object');
  await eventually('readyz says it', async () =>
    (await send(proxy.port, { target: '/-/readyz?verbose' })).body.includes(
      'another object has had its name',
    ),
  );
  assert.equal((await send(proxy.port, { target: path('east') + pods })).code, 404);
  assert.equal(
    home.read('v1', 'Secret', { namespace: 'fleet', name: 'east-kubeconfig' })?.metadata.uid,
    'another object',
  );
});
