import assert from 'node:assert/strict';
import dns, { type LookupAddress } from 'node:dns';
import { test } from 'node:test';
import { assertStatus, type Leg, send } from '../../../e2e/leg.js';
import { startFoundGateway } from '../../../support/found-clusters/found-gateway.js';
import { adminPort } from '../../../support/proxy/admin-listener.js';

const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];
const exec = '/api/v1/namespaces/default/pods/web-0/exec?command=true&stdout=true';

test('a found cluster is not reached at an address of this machine, and the gateway not by way of one', async t => {
  const flags = ['--clusters-from-servers=.*', '--admin-port=0'];
  const { found, proxy, write, path, until } = await startFoundGateway(t, { flags });
  const { port } = new URL(found.url);
  const loopback: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];
  t.mock.method(dns, 'lookup', ((
    _host: string,
    _options: unknown,
    callback: (...found: unknown[]) => void,
  ) => {
    setImmediate(() => callback(null, loopback));
  }) as never);
  const servers = {
    main: `127.0.0.1:${proxy.port}`,
    admin: `127.0.0.1:${await adminPort(proxy)}`,
    name: `prod-${port}.example:${port}`,
    localhost: `localhost:${port}`,
    mapped: `[::ffff:127.0.0.1]:${port}`,
    translated: `[64:ff9b::127.0.0.1]:${port}`,
    unspecified: `0.0.0.0:${port}`,
    metadata: '169.254.169.254',
  };
  for (const [cluster, host] of Object.entries(servers)) write(cluster, { url: `https://${host}` });
  for (const cluster of Object.keys(servers)) {
    await until(cluster, /unused/);
    for (const leg of legs) {
      const target = path(cluster) + (leg === 'plain' ? '/version' : exec);
      const message = assertStatus(await send(proxy.port, { leg, target, headers: [] }), 502, cluster);
      assert.match(message, /its address \S+ is refused for a cluster that was found$/);
    }
    await until(cluster, /failing.*is refused for a cluster that was found/);
  }
  assert.deepEqual(found.requests, []);
  write('allowed');
  await until('allowed', /unused/);
  assert.equal(
    (await send(proxy.port, { leg: 'plain', target: `${path('allowed')}/version`, headers: [] })).code,
    200,
  );
});
