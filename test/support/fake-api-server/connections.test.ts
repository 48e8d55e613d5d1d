import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { after, beforeEach, test } from 'node:test';
import WebSocket from 'ws';
import { open, requestApi, tlsTo } from '../clients/http-client.js';
import { type FakeApiServer, startFakeApiServer } from './fake-api-server.js';

const webZero = '/api/v1/namespaces/default/pods/web-0';
const servers: FakeApiServer[] = [];
let server: FakeApiServer;

beforeEach(async () => {
  server = await startFakeApiServer();
  servers.push(server);
});

after(async () => {
  for (const started of servers) await started.kill();
});

const credentials = () => tlsTo(server);

function get(path: string, agent: Agent): Promise<IncomingMessage> {
  return open(server.port, path, { agent, tls: credentials() });
}

test('a record has the request byte for byte, its subject and the digest of its body', async () => {
  const path = '/api/v1/namespaces/default/services/web/proxy/%2e%2e//x?a=&a';
  await requestApi(server, { method: 'POST', path, headers: { 'X-Case': 'v' }, body: 'abc' });
  const [record] = server.requests;
  assert.ok(record);
  await record.closed;
  assert.equal(record.method, 'POST');
  assert.equal(record.rawUrl, path);
  assert.equal(record.rawHeaders[record.rawHeaders.indexOf('X-Case') + 1], 'v');
  assert.deepEqual(record.tlsSubject, { commonName: 'admin', organizations: ['system:masters'] });
  assert.equal(record.bodyBytes, 3);
  assert.equal(record.sha256, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(record.statusCode, 200);
  assert.equal(record.aborted, false);
  assert.ok((record.finishedAt ?? 0) >= record.startedAt);
});

test('the record of a watch whose client leaves is marked as aborted', async () => {
  const agent = new Agent();
  const waiting = server.waitForRequest(record => record.rawUrl.includes('watch=1'));
  const response = await get('/api/v1/pods?watch=1', agent);
  const record = await waiting;
  assert.equal(record.closedAt, undefined);
  response.destroy();
  await record.closed;
  assert.equal(record.aborted, true);
  assert.equal(record.finishedAt, undefined);
});

test('waiting for a request that never comes has a time limit', async () => {
  await assert.rejects(
    server.waitForRequest(() => false, 20),
    /no matching request within 20 ms/,
  );
});

test('connections are counted while they are open, and idle ones can be closed', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let count = 0; count < 3; count += 1) {
    const response = await get('/version', agent);
    response.resume();
    await once(response, 'end');
  }
  assert.equal(server.connections, 1);
  assert.equal(server.connectionsAccepted, 1);
  assert.equal(server.requests[0]?.tlsSessionReused, false);
  server.closeIdleConnections();
  while (server.connections > 0) await new Promise(resolve => setImmediate(resolve));
  const response = await get('/version', agent);
  response.resume();
  await once(response, 'end');
  assert.equal(server.connectionsAccepted, 2);
  assert.equal(server.requests.at(-1)?.tlsSessionReused, true);
  agent.destroy();
});

test('a killed server cuts its connections and accepts none until it is restarted on its port', async () => {
  const agent = new Agent();
  const response = await get('/api/v1/pods?watch=1', agent);
  const socket = new WebSocket(
    `wss://127.0.0.1:${server.port}${webZero}/exec?command=cat&stdin=1&stdout=1`,
    ['v5.channel.k8s.io'],
    credentials(),
  );
  await once(socket, 'open');
  const { port } = server;
  const cut = new Promise(resolve => response.once('close', resolve));
  const closed = once(socket, 'close');
  response.resume();
  await server.kill();
  await Promise.all([cut, closed]);
  assert.equal(response.complete, false);
  assert.equal(server.connections, 0);
  await assert.rejects(requestApi(server, { path: '/version' }), { code: 'ECONNREFUSED' });
  await server.restart();
  assert.equal(server.port, port);
  assert.equal((await requestApi(server, { path: webZero })).status, 200);
});

test('a restarted server can present another certificate', async () => {
  await server.restart(await server.authority.server({ dns: ['elsewhere.example'] }));
  await assert.rejects(requestApi(server, { path: '/version' }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

test('a closed server ends its watches with their last chunk', async () => {
  const response = await get('/api/v1/pods?watch=1', new Agent());
  const ended = once(response, 'end');
  response.resume();
  await server.close();
  await ended;
  assert.equal(response.complete, true);
});

test('an interceptor answers instead of the server until it is removed', async () => {
  const stop = server.intercept((_request, response) => {
    response.writeHead(429, { 'Retry-After': '1' }).end('slow down');
    return true;
  });
  const limited = await requestApi(server, { path: '/version' });
  assert.deepEqual([limited.status, limited.text], [429, 'slow down']);
  stop();
  assert.equal((await requestApi(server, { path: '/version' })).status, 200);
});

test('an interceptor can answer an upgrade or use its socket', async () => {
  const upgrade = () => {
    const headers = { Connection: 'Upgrade', Upgrade: 'raw' };
    const sent = request(`${server.url}${webZero}/exec`, { headers, agent: false, ...credentials() });
    sent.on('error', () => {});
    sent.end();
    return sent;
  };
  const stop = server.intercept((_request, response) => {
    response.writeHead(403).end();
    return true;
  });
  const [refused] = (await once(upgrade(), 'response')) as [IncomingMessage];
  assert.equal(refused.statusCode, 403);
  stop();
  server.interceptUpgrade((_request, socket) => {
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nhi');
    return true;
  });
  const [, , head] = (await once(upgrade(), 'upgrade')) as [unknown, unknown, Buffer];
  assert.equal(head.toString(), 'hi');
});

test('malformed requests and clients that disappear have no effect on others', async () => {
  const half = request(`${server.url}/api/v1/namespaces/default/configmaps`, {
    method: 'POST',
    agent: false,
    headers: { 'Content-Length': 100 },
    ...credentials(),
  });
  half.on('error', () => {});
  half.write('{"metadata"');
  const record = await server.waitForRequest(({ method }) => method === 'POST');
  half.destroy();
  await record.closed;
  assert.equal(record.aborted, true);
  const socket = new WebSocket(
    `wss://127.0.0.1:${server.port}${webZero}/exec?command=sh&stdin=1&stdout=1`,
    ['v5.channel.k8s.io'],
    credentials(),
  );
  await once(socket, 'open');
  socket.terminate();
  const spdy = request(`${server.url}${webZero}/exec?command=cat&stdin=1&stdout=1`, {
    method: 'POST',
    agent: false,
    headers: { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'v4.channel.k8s.io' },
    ...credentials(),
  });
  spdy.end();
  const [, raw] = await once(spdy, 'upgrade');
  raw.on('error', () => {});
  raw.resume();
  // A SYN_STREAM whose header block is no zlib stream.
  raw.write(
    Buffer.concat([Buffer.from('800300010000000e0000000100000000000000', 'hex'), Buffer.from('garbage')]),
  );
  await once(raw, 'close');
  assert.equal((await requestApi(server, { path: '/healthz' })).text, 'ok');
});
