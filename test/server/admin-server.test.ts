import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { it } from 'node:test';
import { buildAdminServer } from '../../src/server/admin-server.js';

const parts = { metrics: {}, health: {} } as Parameters<typeof buildAdminServer>[0];

it('an endpoint of a feature on the admin listener is for clients of loopback alone, by a name of loopback', async t => {
  const answer = { streams: [] };
  const server = await buildAdminServer(parts, [{ path: '/streams', answer: () => answer }]);
  t.after(() => server.close());
  const ask = async (remoteAddress: string, host: string) => {
    const { statusCode, json } = await server.inject({ url: '/streams', remoteAddress, headers: { host } });
    if (statusCode === 200) assert.deepEqual(json(), answer);
    else assert.match(json().message, /only for clients in the Pod/);
    return statusCode;
  };
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
    for (const host of ['localhost:8002', 'LOCALHOST', '127.0.0.1:8002', '[::1]:8002'])
      assert.equal(await ask(address, host), 200, `${address} ${host}`);
  // Prometheus; Istio's sidecar, which has the address of its own requests; a web page whose name leads to loopback.
  for (const [address, host] of [
    ['10.0.0.1', 'localhost'],
    ['127.0.0.6', 'localhost'],
    ['::ffff:10.0.0.1', '127.0.0.1'],
    ['127.0.0.1', 'evil.example'],
    ['127.0.0.1', '10.0.0.1:8002'],
    ['127.0.0.1', 'localhost.evil.example'],
    ['127.0.0.1', 'evil.localhost'],
  ] as const) {
    assert.equal(await ask(address, host), 403, `${address} ${host}`);
  }
});

it('it is refused at the address of a network too', async t => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find(each => each?.family === 'IPv4' && !each.internal)?.address;
  if (address === undefined) return t.skip('this machine has no network');
  const server = await buildAdminServer(parts, [{ path: '/streams', answer: () => ({}) }]);
  t.after(() => server.close());
  const url = await server.listen({ host: address, port: 0 });
  assert.equal((await fetch(`${url}/streams`)).status, 403);
});
