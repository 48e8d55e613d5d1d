import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import WebSocket from 'ws';
import { open, requestApi, tlsTo } from '../clients/http-client.js';
import { watchServer } from '../clients/watch-client.js';
import { configMap } from './config-maps.js';
import { type FakeApiServer, startFakeApiServer } from './fake-api-server.js';

const configMaps = '/api/v1/namespaces/default/configmaps';
const webZero = '/api/v1/namespaces/default/pods/web-0';

let server: FakeApiServer;

before(async () => {
  server = await startFakeApiServer();
});

after(() => server.close());

const credentials = () => tlsTo(server);

async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}

test('a watch with a label selector shows an object that starts to match as ADDED and one that stops as DELETED', async () => {
  const query = `watch=1&labelSelector=on%3D1&resourceVersion=${server.version}`;
  const watch = await watchServer(server, `${configMaps}?${query}`);
  for (const labels of [{}, { on: '1' }, { on: '1', more: 'x' }, { on: '2' }]) {
    server.write(configMap('default', 'selected', { labels }));
  }
  await watch.until(3);
  assert.deepEqual(
    watch.events().map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'DELETED'],
  );
  watch.close();
});

test('a watch without a version starts with all objects, and timeoutSeconds ends it cleanly', async () => {
  const query = 'watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dsettings';
  const watch = await watchServer(server, `${configMaps}?${query}`);
  assert.equal(await watch.ended, 'end');
  assert.match(watch.lines().join(), /^ADDED settings \d+$/);
});

test('compaction makes an older version a 410 for a new watch', async () => {
  const { version } = server;
  server.write(configMap('default', 'compacted'));
  server.compact();
  const watch = await watchServer(server, `${configMaps}?watch=1&resourceVersion=${version}`);
  await watch.until(1);
  assert.equal(watch.events()[0]?.object.code, 410);
});

test('a followed log streams new lines until the pod is deleted', async () => {
  const pod = '/api/v1/namespaces/team-0/pods/web-1';
  const response = await open(server.port, `${pod}/log?follow=true&tailLines=1`, { tls: credentials() });
  const read = lines(response);
  assert.equal((await read.next()).value, 'log line 4');
  server.appendLog('team-0', 'web-1', 'new');
  assert.equal((await read.next()).value, 'new');
  await requestApi(server, { method: 'DELETE', path: pod });
  assert.equal((await read.next()).done, true);
});

function openSocket(path: string, protocols: string[]): WebSocket {
  return new WebSocket(`wss://127.0.0.1:${server.port}${path}`, protocols, credentials());
}

/** Everything a session sends, by channel, until it closes. */
async function readChannels(socket: WebSocket): Promise<string[]> {
  const channels: string[] = [];
  socket.on('message', (data: Buffer) => {
    const [channel = 0] = data;
    channels[channel] = (channels[channel] ?? '') + data.toString('utf8', 1);
  });
  await once(socket, 'close');
  return channels;
}

test('exec over each WebSocket subprotocol runs its command and reports how it ended', async () => {
  const path = `${webZero}/exec?command=sh&command=-c&command=${encodeURIComponent('echo out; echo err >&2; exit 4')}&stdout=1&stderr=1`;
  for (const protocol of ['v5.channel.k8s.io', 'v4.channel.k8s.io']) {
    const socket = openSocket(path, ['unknown.channel.k8s.io', protocol]);
    await once(socket, 'open');
    assert.equal(socket.protocol, protocol);
    const [, out, err, result = ''] = await readChannels(socket);
    assert.equal(out, 'out\n');
    assert.equal(err, 'err\n');
    const status = JSON.parse(result);
    assert.equal(status.reason, 'NonZeroExitCode');
    assert.deepEqual(status.details.causes, [{ reason: 'ExitCode', message: '4' }]);
  }
});

test('the v5 close message for stdin ends cat, and resize messages reach stty', async () => {
  const cat = openSocket(`${webZero}/exec?command=cat&stdin=1&stdout=1`, ['v5.channel.k8s.io']);
  await once(cat, 'open');
  const read = readChannels(cat);
  cat.send(Buffer.from('\0hello'));
  cat.send(Buffer.from([255, 0]));
  const channels = await read;
  assert.equal(channels[1], 'hello');
  assert.equal(JSON.parse(channels[3] ?? '').status, 'Success');

  const stty = openSocket(`${webZero}/exec?command=stty&command=size&stdin=1&stdout=1&tty=1`, [
    'v4.channel.k8s.io',
  ]);
  await once(stty, 'open');
  const size = readChannels(stty);
  stty.send(Buffer.from('\x04{"Width":120,"Height":30}'));
  assert.equal((await size)[1], '30 120\n');
});

async function refusal(path: string, protocols: string[]): Promise<IncomingMessage> {
  const socket = openSocket(path, protocols);
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  return response;
}

test('an impossible exec is rejected before the upgrade', async () => {
  const protocols = ['v4.channel.k8s.io'];
  const missing = '/api/v1/namespaces/default/pods/none/exec?command=ls&stdout=1';
  assert.equal((await refusal(missing, protocols)).statusCode, 404);
  assert.equal((await refusal(`${webZero}/exec?stdout=1`, protocols)).statusCode, 400);
  assert.equal((await refusal(`${webZero}/exec?command=ls`, protocols)).statusCode, 400);
  assert.equal(
    (await refusal(`${webZero}/exec?command=ls&stdout=1&container=no`, protocols)).statusCode,
    400,
  );
  assert.equal((await refusal(`${webZero}/exec?command=ls&stdout=1`, ['other'])).statusCode, 400);
});

test('a WebSocket through a proxy subresource gets text back as text and bytes as bytes', async () => {
  const socket = openSocket('/api/v1/namespaces/default/services/web/proxy/ws', ['chat']);
  await once(socket, 'open');
  assert.equal(socket.protocol, 'chat');
  socket.send('text');
  const [text, textIsBinary] = await once(socket, 'message');
  socket.send(Buffer.from([1, 2]));
  const [bytes, bytesIsBinary] = await once(socket, 'message');
  socket.terminate();
  assert.deepEqual([String(text), textIsBinary], ['text', false]);
  assert.deepEqual([bytes, bytesIsBinary], [Buffer.from([1, 2]), true]);
});

test('an unknown upgrade through a proxy subresource gets its bytes back, and its half-close is answered', async () => {
  const socket: TLSSocket = connect({ port: server.port, host: '127.0.0.1', ...credentials() });
  await once(socket, 'secureConnect');
  socket.write(
    'GET /api/v1/nodes/node-0/proxy/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: raw/1\r\n\r\nearly',
  );
  let received = '';
  socket.setEncoding('latin1').on('data', chunk => {
    received += chunk;
  });
  socket.end('late');
  await once(socket, 'end');
  const [head = '', body] = received.split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n(?:.*\r\n)*Upgrade: raw\/1$/);
  assert.equal(body, 'earlylate');
});
