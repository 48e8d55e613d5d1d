import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import {
  addOperatorRoutes,
  type OperatorActions,
} from '../../../src/features/stream-ends/operator-routes.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import { buildAdminServer } from '../../../src/server/admin-server.js';
import { exchangeRaw } from '../../support/clients/raw-http.js';

const parts = { metrics: {}, health: {} } as Parameters<typeof buildAdminServer>[0];

function serverWith(actions: Partial<OperatorActions>) {
  const all = { list: () => ({}), end: () => ({}), ...actions };
  return buildAdminServer(parts, [admin => addOperatorRoutes(admin, all)]);
}

it('the list of open streams is for clients of loopback alone, by a name of loopback', async t => {
  const answer = { streams: [] };
  const server = await serverWith({ list: () => answer });
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
  const server = await serverWith({});
  t.after(() => server.close());
  const url = await server.listen({ host: address, port: 0 });
  assert.equal((await fetch(`${url}/streams`)).status, 403);
});

describe('what a DELETE of open streams ends', () => {
  /** A server, and what it was told to end. */
  async function start(t: { after(run: () => void): void }) {
    const ended: string[] = [];
    const end = (query: URLSearchParams, name?: string) => {
      if (name === 'unknown') throw new StatusError(404, 'no such stream');
      ended.push(name ?? `${query}`);
      return { streams: [] };
    };
    const server = await serverWith({ end });
    t.after(() => server.close());
    return { server, ended };
  }

  it('is what an operator on this machine names', async t => {
    const { server, ended } = await start(t);
    for (const [url, code] of [
      ['/streams?user=oidc%3Aj%26x', 200],
      ['/streams/a-b%2Fc', 200],
      ['/streams/unknown', 404],
      ['/streams/a/b', 404],
      ['/metrics', 404],
    ] as const) {
      const answer = await server.inject({ method: 'DELETE', url, headers: { host: 'localhost:8002' } });
      assert.equal(answer.statusCode, code, url);
      assert.equal(answer.json().code, code === 200 ? undefined : code);
    }
    assert.deepEqual(ended, ['user=oidc%3Aj%26x', 'a-b/c']);
  });

  for (const [who, remoteAddress, headers] of [
    ['another machine', '10.0.0.1', { host: 'localhost:8002' }],
    ['another machine over IPv6', '::ffff:10.0.0.1', { host: '[::1]:8002' }],
    ['a sidecar that sends requests on', '127.0.0.6', { host: 'localhost:8002' }],
    ['a name that leads to loopback', '127.0.0.1', { host: 'evil.example:8002' }],
    ['a name that begins as one of loopback', '::1', { host: 'localhost.evil.example' }],
    ['an address of the network', '127.0.0.1', { host: '10.0.0.1:8002' }],
    ['a page of the same machine', '127.0.0.1', { host: 'localhost:8002', origin: 'http://localhost:8001' }],
    ['a page of this origin', '127.0.0.1', { host: 'localhost:8002', origin: 'http://localhost:8002' }],
    ['a page without an origin', '127.0.0.1', { host: 'localhost:8002', origin: 'null' }],
    ['an empty origin', '127.0.0.1', { host: 'localhost:8002', origin: '' }],
    ['a page of this site', '127.0.0.1', { host: 'localhost:8002', 'sec-fetch-site': 'same-site' }],
    ['this page', '127.0.0.1', { host: 'localhost:8002', 'sec-fetch-site': 'same-origin' }],
    ['another site', '127.0.0.1', { host: 'localhost:8002', 'Sec-Fetch-Site': 'cross-site' }],
    ['a script', '127.0.0.1', { host: 'localhost:8002', 'sec-fetch-mode': 'no-cors' }],
    ['two sites', '127.0.0.1', { host: 'localhost:8002', 'sec-fetch-site': 'none, cross-site' }],
  ] as const)
    it(`is nothing for ${who}`, async t => {
      const { server, ended } = await start(t);
      for (const url of ['/streams?user=jane', '/streams/a']) {
        const answer = await server.inject({ method: 'DELETE', url, remoteAddress, headers });
        assert.equal(answer.statusCode, 403, answer.body);
        assert.match(answer.json().message, /only for clients in the Pod|not for web pages/);
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
      }
      assert.deepEqual(ended, []);
    });

  it('is nothing for a form, a method in a field, or a preflight, and a body is not read', async t => {
    const { server, ended } = await start(t);
    const headers = { host: 'localhost:8002' };
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT'] as const)
      await server.inject({
        ...{ method, url: '/streams?user=jane&_method=DELETE' },
        headers: { ...headers, 'x-http-method-override': 'DELETE' },
      });
    assert.deepEqual(ended, []);
    const allowed = { ...headers, 'sec-fetch-site': 'none' };
    const { statusCode } = await server.inject({ method: 'DELETE', url: '/streams/a', headers: allowed });
    assert.equal(statusCode, 200);
  });

  it('is nothing without a Host, or with two of them', async t => {
    const { server, ended } = await start(t);
    await server.listen({ host: '127.0.0.1', port: 0 });
    const { port } = server.server.address() as { port: number };
    for (const hosts of [[''], ['evil.example', 'localhost'], ['localhost', 'evil.example']]) {
      const fields = hosts.map(host => `Host: ${host}\r\n`).join('');
      const head = `DELETE /streams/a HTTP/1.1\r\n${fields}Connection: close\r\n\r\n`;
      assert.match(await exchangeRaw(port, head), /^HTTP\/1\.1 40[03] /);
    }
    assert.deepEqual(ended, []);
  });
});
