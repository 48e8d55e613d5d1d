import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import tls, { type TLSSocket } from 'node:tls';
import WebSocket from 'ws';
import { sharedIdentity } from '../../support/certificates/certificates.js';
import { connectRaw, type RawConnection, watchRaw } from '../../support/clients/raw-http.js';
import { closed } from '../../support/closed.js';
import { eventually, within } from '../../support/eventually.js';
import type { FakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import { residentBytes } from '../../support/proxy/process-state.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { startStack } from '../../support/proxy/stack.js';
import { steady } from '../../support/steady.js';
import { clientRequests } from '../leg.js';

const MiB = 1024 * 1024;

const { server, proxy, kubeconfig } = await startStack({ after }, { flags: ['--reject-paths='] });

/** A request for an upgrade to a protocol that only these tests use. */
function upgradeRequest(path: string, ...headers: string[]): string {
  const lines = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: test/1', ...headers];
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test/1\r\n\r\n';

type Accept = (request: IncomingMessage, socket: TLSSocket, head: Buffer) => void;

/** Leaves the upgrades of one path to the test. */
function serveUpgrade(t: TestContext, path: string, accept: Accept, at: FakeApiServer = server): void {
  const accepted: Duplex[] = [];
  const remove = at.interceptUpgrade((request, socket: Duplex, head) => {
    if (request.url?.split('?')[0] !== path) return false;
    accepted.push(socket.on('error', () => {}));
    accept(request, socket as TLSSocket, head);
    return true;
  });
  t.after(() => {
    remove();
    for (const socket of accepted) socket.destroy();
  });
}

/** An open upgrade: the client's connection after its 101, and the API server's socket. */
async function openUpgrade(
  t: TestContext,
  path: string,
  through: RunningProgram = proxy,
): Promise<{ readonly client: RawConnection; readonly upstream: TLSSocket }> {
  const accepted = new Promise<TLSSocket>(resolve => {
    serveUpgrade(t, path, (_request, socket) => {
      socket.write(switching);
      resolve(socket);
    });
  });
  const client = await connect(t, through);
  client.write(upgradeRequest(path));
  await client.until(/^HTTP\/1\.1 101 [\s\S]*?\r\n\r\n/);
  return { client, upstream: await accepted };
}

async function connect(t: TestContext, through: RunningProgram = proxy): Promise<RawConnection> {
  const client = await connectRaw(through.port);
  client.socket.on('error', () => {});
  t.after(() => client.destroy());
  return client;
}

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}

/** Waits until the peer of an API server's socket has closed completely: it has ended, and accepts no more bytes. */
async function gone(upstream: TLSSocket): Promise<void> {
  upstream.resume();
  if (!upstream.readableEnded && !upstream.destroyed) {
    await within('the end', Promise.race([once(upstream, 'end').catch(() => {}), closed(upstream)]));
  }
  await eventually('that no bytes are taken', () => {
    if (!upstream.destroyed) upstream.write('is anybody there?');
    return upstream.destroyed;
  });
}

// Refusals

test('a 403 to an upgrade comes back with its reason phrase, repeated headers and body', async t => {
  const body = 'x'.repeat(MiB);
  serveUpgrade(t, '/refused', (_request, socket) => {
    socket.end(
      `HTTP/1.1 403 Not For You\r\nWarning: 299 - "a"\r\nWarning: 299 - "b"\r\nX-Case: Kept\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
  const client = await connect(t);
  client.write(upgradeRequest('/refused'));
  const answer = await client.untilClosed();
  assert.match(answer, /^HTTP\/1\.1 403 Not For You\r\n/);
  assert.match(answer, /\r\nWarning: 299 - "a"\r\nWarning: 299 - "b"\r\nX-Case: Kept\r\n/);
  assert.equal(bodyOf(answer), body);
});

test('an API server that ignores the upgrade answers as usual', async t => {
  const client = await connect(t);
  client.write(upgradeRequest('/version', 'HTTP2-Settings: AAMAAABk').replace('test/1', 'h2c'));
  const answer = await client.untilClosed();
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /"gitVersion"/);
});

test('an Upgrade field of an HTTP/1.0 request is ignored', async t => {
  serveUpgrade(t, '/ten', (_request, socket) => socket.end(switching));
  for (const method of ['GET', 'POST']) {
    const client = await connect(t);
    client.write(upgradeRequest('/ten', 'X-Ten: 1').replace('GET', method).replace('HTTP/1.1', 'HTTP/1.0'));
    assert.match(await client.untilClosed(), /^HTTP\/1\.1 404 /);
    assert.equal(clientRequests(server).at(-1)?.headers['upgrade'], undefined);
  }
});

test('an upgrade gets a 503 Status when the API server is down, and works when it is back', async t => {
  const { server: other, proxy: through } = await startStack(t, {
    run: startInProcess,
    flags: ['--reject-paths='],
  });
  await other.kill();
  const down = await connect(t, through);
  down.write(upgradeRequest('/down'));
  const answer = await down.untilClosed();
  assert.match(answer, /^HTTP\/1\.1 503 /);
  assert.match(bodyOf(answer), /"kind":"Status".*"code":503/);
  await other.restart();
  serveUpgrade(t, '/down', (_request, socket) => socket.write(switching), other);
  const up = await connect(t, through);
  up.write(upgradeRequest('/down'));
  await up.until(/^HTTP\/1\.1 101 /);
});

test('an API server that closes instead of answering an upgrade gives a 502 Status', async t => {
  serveUpgrade(t, '/closes', (_request, socket) => socket.destroy());
  const client = await connect(t);
  client.write(upgradeRequest('/closes'));
  const answer = await client.untilClosed();
  assert.match(answer, /^HTTP\/1\.1 502 /);
  assert.match(bodyOf(answer), /"kind":"Status"/);
});

// The handshake

test("the client gets nothing before the API server's answer, and then the unchanged 101", async t => {
  let answer = () => {};
  serveUpgrade(t, '/late', (_request, socket) => {
    answer = () =>
      socket.write(
        'HTTP/1.1 101 Here We Go\r\nUpgrade: test/1\r\nconnection: Upgrade\r\nX-One: 1\r\nX-Two: 2\r\nX-One: 3\r\nX-Name: caf\xe9\r\n\r\n',
        'latin1',
      );
  });
  const client = await connect(t);
  client.write(upgradeRequest('/late'));
  await server.waitForRequest(({ rawUrl }) => rawUrl === '/late');
  // If a first byte were sent early, it would have arrived by now.
  await delay(50);
  assert.equal(client.received(), '');
  answer();
  const [head] = await client.until(/^[\s\S]*?\r\n\r\n/);
  assert.match(head, /^HTTP\/1\.1 101 Here We Go\r\n/);
  assert.match(head, /\r\nUpgrade: test\/1\r\n/i);
  assert.match(head, /\r\nconnection: Upgrade\r\n/i);
  assert.match(head, /\r\nX-One: 1\r\n[\s\S]*X-Two: 2\r\n[\s\S]*X-One: 3\r\n/);
  assert.match(head, /\r\nX-Name: caf\xe9\r\n/);
});

test('bytes that a client sends before it has the 101 arrive in order, however many', async t => {
  const early = randomBytes(600 * 1024);
  const received: Buffer[] = [];
  let answer = () => {};
  serveUpgrade(t, '/early', (_request, socket, head) => {
    received.push(head);
    answer = () => {
      socket.write(switching);
      socket.on('data', (chunk: Buffer) => received.push(chunk));
    };
  });
  const client = await connect(t);
  client.write(Buffer.concat([Buffer.from(upgradeRequest('/early')), early.subarray(0, 100)]));
  // In separate packets.
  await delay(20);
  client.write(early.subarray(100, 1000));
  await delay(20);
  client.write(early.subarray(1000));
  await server.waitForRequest(({ rawUrl }) => rawUrl === '/early');
  // Until no more bytes are read, as far as this is visible on a busy machine.
  await steady(() => client.socket.bytesWritten - client.socket.writableLength);
  answer();
  await client.until(/^HTTP\/1\.1 101 /);
  client.write('behind it');
  const total = early.length + 'behind it'.length;
  await eventually('all of it', () => Buffer.concat(received).length >= total);
  const all = Buffer.concat(received);
  assert.equal(all.subarray(early.length).toString(), 'behind it');
  assert.equal(sha256(all.subarray(0, early.length)), sha256(early));
});

test("bytes in the same packet as the API server's 101 arrive after it", async t => {
  const first = randomBytes(9000).toString('latin1');
  serveUpgrade(t, '/together', (_request, socket) => {
    socket.write(Buffer.from(switching + first, 'latin1'));
  });
  const client = await connect(t);
  client.write(upgradeRequest('/together'));
  await eventually('the bytes', () => bodyOf(client.received()).length >= first.length);
  assert.match(client.received(), /^HTTP\/1\.1 101 /);
  assert.equal(bodyOf(client.received()), first);
});

test('the subprotocols and keys of a WebSocket handshake are not changed', async t => {
  let seen: IncomingMessage | undefined;
  serveUpgrade(t, '/subprotocols', (request, socket) => {
    seen = request;
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: aaaa\r\nSec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n\r\n',
    );
  });
  const offered = ['v5.channel.k8s.io, v4.channel.k8s.io', 'SPDY/3.1+portforward.k8s.io,,odd', ''];
  const client = await connect(t);
  client.write(
    upgradeRequest(
      '/subprotocols',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
      ...offered.map(value => `Sec-WebSocket-Protocol: ${value}`),
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
      'Origin: http://localhost',
    ).replace('test/1', 'websocket'),
  );
  const [head] = await client.until(/^[\s\S]*?\r\n\r\n/);
  assert.match(head, /\r\nSec-WebSocket-Accept: aaaa\r\n/);
  assert.match(head, /\r\nSec-WebSocket-Protocol: SPDY\/3\.1\+portforward\.k8s\.io\r\n/);
  const raw = seen?.rawHeaders ?? [];
  const values = (name: string) => raw.filter((_, index) => index % 2 === 1 && raw[index - 1] === name);
  assert.deepEqual(values('Sec-WebSocket-Protocol'), offered);
  assert.deepEqual(values('Sec-WebSocket-Key'), ['dGhlIHNhbXBsZSBub25jZQ==']);
  assert.deepEqual(values('Sec-WebSocket-Extensions'), ['permessage-deflate; client_max_window_bits']);
  assert.equal(seen?.headers.origin, 'http://localhost');
});

test('the path and the query of an upgrade arrive byte for byte', async t => {
  const path = '/api/v1/namespaces/default/pods/web-0/proxy/a%2Fb//c';
  const target = `${path}?command=a+b&command=%7e&&x=`;
  serveUpgrade(t, path, (_request, socket) => socket.write(switching));
  const client = await connect(t);
  client.write(upgradeRequest(target));
  await client.until(/^HTTP\/1\.1 101 /);
  assert.ok(server.requests.some(({ rawUrl, upgrade }) => upgrade && rawUrl === target));
});

test("an upgrade goes below the path of the server's URL with --append-server-path, like a plain request", async t => {
  const { proxy: through } = await startStack(t, {
    run: startInProcess,
    server,
    cluster: { server: `${server.url}/base` },
    flags: ['--append-server-path'],
  });
  serveUpgrade(t, '/base/appended', (_request, socket) => socket.write(switching));
  const client = await connect(t, through);
  client.write(upgradeRequest('/appended'));
  await client.until(/^HTTP\/1\.1 101 /);
});

test('an upgrade has the same credentials and headers as a plain request', async t => {
  const { clientCertificate } = await sharedIdentity();
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  const { server: other, proxy: through } = await startStack(t, {
    run: startInProcess,
    server: { clientCertificates: 'optional' },
    user: {
      'client-certificate-data': base64(clientCertificate.certificate),
      'client-key-data': base64(clientCertificate.key),
      token: 'configured',
    },
    flags: ['--reject-paths='],
  });
  serveUpgrade(t, '/headers', (_request, socket) => socket.end(switching), other);
  const headers = [
    'X-Forwarded-For: 192.0.2.7',
    'Impersonate-User: alice',
    'X-Named: gone',
    'Keep-Alive: timeout=5',
    'Proxy-Authorization: Basic gone',
    'TE: trailers',
    'X-Repeated: 1',
    'X-Repeated: 2',
  ];
  const upgrade = await connect(t, through);
  upgrade.write(
    upgradeRequest('/headers', ...headers).replace('Connection: Upgrade', 'Connection: Upgrade, X-Named'),
  );
  await upgrade.until(/^HTTP\/1\.1 101 /);
  const plain = await connect(t, through);
  const lines = ['Host: localhost', 'Connection: close, X-Named', ...headers];
  plain.write(`GET /version?plain HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  await plain.untilClosed();

  const recordOf = (url: string) => other.requests.find(({ rawUrl }) => rawUrl === url);
  const seen = recordOf('/headers');
  const reference = recordOf('/version?plain');
  assert.ok(seen && reference);
  const fields = (raw: readonly string[], ...without: string[]) =>
    raw.flatMap((name, index) =>
      index % 2 === 0 && ![...without, 'x-request-id'].includes(name.toLowerCase())
        ? [`${name.toLowerCase()}: ${raw[index + 1]}`]
        : [],
    );
  assert.deepEqual(
    fields(seen.rawHeaders, 'connection', 'upgrade').sort(),
    fields(reference.rawHeaders, 'connection').sort(),
  );
  assert.equal(seen.headers['authorization'], 'Bearer configured');
  assert.equal(seen.headers['x-forwarded-for'], '192.0.2.7, 127.0.0.1');
  assert.equal(seen.headers['host'], `127.0.0.1:${other.port}`);
  assert.equal(seen.headers['connection']?.toString().toLowerCase(), 'upgrade');
  assert.equal(seen.headers['upgrade'], 'test/1');
  assert.equal(seen.headers['x-named'], undefined);
  assert.equal(seen.headers['proxy-authorization'], undefined);
  assert.equal(seen.tlsSubject?.commonName, 'admin');

  const own = await connect(t, through);
  own.write(upgradeRequest('/headers', 'Authorization: Bearer own'));
  await own.until(/^HTTP\/1\.1 101 /);
  assert.equal(clientRequests(other).at(-1)?.headers['authorization'], 'Bearer own');
});

test('an upgrade by POST without a length is sent upstream without one: the client’s bytes come first', async t => {
  const early = new Promise<[IncomingMessage, string]>(resolve => {
    serveUpgrade(t, '/post', (request, socket, head) => {
      let text = head.toString();
      socket.on('data', chunk => {
        text += chunk;
        if (text.includes('from the client')) resolve([request, text]);
      });
      socket.write(switching);
    });
  });
  const client = await connect(t);
  client.write(upgradeRequest('/post').replace('GET', 'POST'));
  await client.until(/^HTTP\/1\.1 101 /);
  client.write('from the client');
  const [request, text] = await early;
  assert.equal(text, 'from the client');
  assert.equal(request.headers['transfer-encoding'], undefined);
  assert.equal(request.headers['content-length'], '0');
});

// Bytes

test('a client that has closed its side still gets the answer', async t => {
  const { client, upstream } = await openUpgrade(t, '/client-half-close');
  const received: Buffer[] = [];
  upstream.on('data', (chunk: Buffer) => received.push(chunk));
  upstream.once('end', () => {
    // Later than an end that would close both directions at once.
    setTimeout(() => upstream.end(`you sent ${Buffer.concat(received).length}`), 50);
  });
  client.socket.end('x'.repeat(100_000));
  assert.match(bodyOf(await client.untilClosed()), /^you sent 100000$/);
});

test("after the API server's end the client can continue to send", async t => {
  const { client, upstream } = await openUpgrade(t, '/server-half-close');
  const received: Buffer[] = [];
  upstream.on('data', (chunk: Buffer) => received.push(chunk));
  upstream.end('the last word');
  await once(client.socket, 'end');
  assert.equal(bodyOf(client.received()), 'the last word');
  const ended = once(upstream, 'end');
  client.socket.write('not ');
  await eventually('the first word', () => received.length > 0);
  client.socket.end('quite');
  await within('the end', ended);
  assert.equal(Buffer.concat(received).toString(), 'not quite');
});

test('a slow client gets all of 30 MB, even if the API server ended long ago', async t => {
  const size = 30 * MiB;
  const block = randomBytes(MiB);
  const expected = createHash('sha256');
  for (let sent = 0; sent < size; sent += block.length) expected.update(block);
  const { client, upstream } = await openUpgrade(t, '/slow');
  client.socket.removeAllListeners('data').pause();
  const hash = createHash('sha256');
  let received = 0;
  for (let sent = 0; sent < size; sent += block.length) upstream.write(block);
  upstream.end();
  await steady(() => size - upstream.writableLength);
  for await (const chunk of client.socket as AsyncIterable<Buffer>) {
    hash.update(chunk);
    received += chunk.length;
    if (received < 4 * MiB) await delay(5);
  }
  assert.equal(received, size);
  assert.equal(hash.digest('hex'), expected.digest('hex'));
});

test('a client that does not read stops the API server, and the program does not grow', async t => {
  const { client, upstream } = await openUpgrade(t, '/stalled-reader');
  client.socket.removeAllListeners('data').pause();
  const baseline = residentBytes(proxy.pid);
  const block = Buffer.alloc(MiB);
  let taken = 0;
  for (let sent = 0; sent < 200; sent += 1) {
    if (!upstream.write(block) && !(await drained(upstream))) break;
    taken = sent;
  }
  assert.ok(taken < 40, `${taken} MiB were taken from the API server`);
  const growth = residentBytes(proxy.pid) - baseline;
  assert.ok(growth < 60 * MiB, `it grew by ${growth} bytes`);
});

test('an API server that does not read stops the client, and the program does not grow', async t => {
  const { client, upstream } = await openUpgrade(t, '/stalled-upstream');
  upstream.pause();
  const baseline = residentBytes(proxy.pid);
  const block = Buffer.alloc(MiB);
  let taken = 0;
  for (let sent = 0; sent < 200; sent += 1) {
    if (!client.socket.write(block) && !(await drained(client.socket))) break;
    taken = sent;
  }
  assert.ok(taken < 40, `${taken} MiB were taken from the client`);
  const growth = residentBytes(proxy.pid) - baseline;
  assert.ok(growth < 60 * MiB, `it grew by ${growth} bytes`);
});

/** False when nothing moves for a quarter of a second. */
async function drained(socket: Duplex): Promise<boolean> {
  const stop = new AbortController();
  try {
    return await Promise.race([
      once(socket, 'drain', { signal: stop.signal }).then(() => true),
      delay(250, false, { signal: stop.signal }),
    ]);
  } finally {
    stop.abort();
  }
}

test('both directions at once carry every byte', async t => {
  const { client, upstream } = await openUpgrade(t, '/both-ways');
  client.socket.removeAllListeners('data');
  const [down, up] = [randomBytes(8 * MiB), randomBytes(8 * MiB + 1)];
  const collect = async (stream: Duplex) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(stream, 'end');
    return sha256(Buffer.concat(chunks));
  };
  const atClient = collect(client.socket);
  const atUpstream = collect(upstream);
  upstream.end(down);
  client.socket.end(up);
  assert.equal(await within('the client', atClient), sha256(down));
  assert.equal(await within('the API server', atUpstream), sha256(up));
});

// Ends

test('a client that dies ends its upstream connection', async t => {
  const { client, upstream } = await openUpgrade(t, '/client-dies');
  client.socket.resetAndDestroy();
  await gone(upstream);
});

test('a client that leaves with unread data ends its upstream connection', async t => {
  const { client, upstream } = await openUpgrade(t, '/client-goes');
  client.socket.removeAllListeners('data').pause();
  upstream.on('error', () => {});
  const flood = setInterval(() => upstream.write(Buffer.alloc(256 * 1024)), 5);
  t.after(() => clearInterval(flood));
  await eventually('data that wait', () => upstream.writableLength > MiB);
  client.socket.destroy();
  await gone(upstream);
});

test('an API server that dies ends the connection of the client', async t => {
  const { client, upstream } = await openUpgrade(t, '/server-dies');
  upstream.write('the last bytes');
  await client.until(/the last bytes$/);
  upstream.destroy();
  await within('the end', client.untilClosed());
  client.socket.end();
  await within('the close', closed(client.socket));
});

test('a client that resets its connection before the answer ends its upstream connection', async t => {
  const path = '/leaves';
  const asked = new Promise<TLSSocket>(resolve => {
    serveUpgrade(t, path, (_request, socket) => resolve(socket));
  });
  const client = await connect(t);
  client.write(upgradeRequest(path));
  const upstream = await asked;
  client.socket.resetAndDestroy();
  await gone(upstream);
});

test('200 upgrades at once each get their own bytes, and leave nothing open', async t => {
  serveUpgrade(t, '/many', (_request, socket, head) => {
    socket.write(switching);
    socket.write(head);
    socket.pipe(socket);
  });
  const before = server.connections;
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const client = await connect(t);
      const text = `${index}:`.repeat(4000);
      client.write(upgradeRequest('/many'));
      await client.until(/^HTTP\/1\.1 101 /);
      client.socket.end(text);
      assert.equal(bodyOf(await client.untilClosed()), text);
    }),
  );
  await eventually('the upstream connections are gone', () => server.connections <= before + 2);
  assert.equal((await fetch(`${proxy.url}/version`)).status, 200);
  const metrics = await (await fetch(`${proxy.url}/-/metrics`)).text();
  const open = [...metrics.matchAll(/^kube_api_proxy_longrunning_requests\{.*\} (\d+)$/gm)];
  assert.deepEqual(
    open.filter(([, count]) => count !== '0').map(([line]) => line),
    [],
  );
});

test('each upgrade has one line in the log, with its code and the address of its client', async t => {
  const { client } = await openUpgrade(t, '/logged');
  client.socket.resetAndDestroy();
  const refused = await connect(t);
  refused.write(upgradeRequest('/api/v1/namespaces/default/pods/logged/exec?command=x&stdout=1'));
  await refused.untilClosed();
  const lines = (end: string) =>
    proxy.log().filter(({ path, msg }) => msg === 'request' && String(path).endsWith(end));
  await eventually('both lines', () => lines('/logged').length + lines('/logged/exec').length >= 2);
  const [opened] = lines('/logged');
  assert.equal(opened?.['code'], 101);
  assert.equal(opened?.['remoteAddress'], '127.0.0.1');
  const [refusal] = lines('/logged/exec');
  assert.equal(refusal?.['code'], 404);
  assert.equal(refusal?.['remoteAddress'], '127.0.0.1');
});

// WebSockets

test('a WebSocket through services/proxy passes text and binary messages in both directions', async t => {
  const url = `ws://127.0.0.1:${proxy.port}/api/v1/namespaces/default/services/web/proxy/socket`;
  const socket = new WebSocket(url);
  t.after(() => socket.terminate());
  await once(socket, 'open');
  socket.send('hello');
  const [text, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
  assert.equal(text.toString(), 'hello');
  assert.equal(isBinary, false);
  const big = randomBytes(3 * MiB);
  socket.send(big);
  const [echo] = (await once(socket, 'message')) as [Buffer];
  assert.equal(sha256(echo), sha256(big));
  socket.close(4001, 'bye');
  const [code] = (await once(socket, 'close')) as [number];
  assert.equal(code, 4001);
});

test('a WebSocket client gets the refusal of the API server as an answer, not as a close code', async () => {
  const path = '/api/v1/namespaces/default/pods/missing/exec?command=x&stdout=1';
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}${path}`, ['v5.channel.k8s.io']);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  assert.equal(response.statusCode, 404);
  response.resume();
});

test('exec over WebSocket runs with the subprotocol that the API server chose', async t => {
  const path = '/api/v1/namespaces/default/pods/web-0/exec?command=echo&command=hello&stdout=true';
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}${path}`, [
    'v5.channel.k8s.io',
    'v4.channel.k8s.io',
  ]);
  t.after(() => socket.terminate());
  const messages: Buffer[] = [];
  socket.on('message', (data: Buffer) => messages.push(data));
  await once(socket, 'close');
  assert.equal(socket.protocol, 'v5.channel.k8s.io');
  const stdout = messages.filter(([channel]) => channel === 1).map(data => data.subarray(1).toString());
  assert.equal(stdout.join(''), 'hello\n');
  const status =
    messages
      .find(([channel]) => channel === 3)
      ?.subarray(1)
      .toString() ?? '';
  assert.match(status, /"status":"Success"/);
});

// Pipelines

test('an upgrade behind other requests waits for their answers, over plain HTTP and TLS', async t => {
  const secure = await startStack(t, { server, flags: ['--reject-paths='], tls: true });
  let answer: (() => void) | undefined;
  let over = 0;
  t.after(
    server.intercept((request, response) => {
      if (request.url !== '/slow') return false;
      response.once('close', () => {
        over += 1;
      });
      request.resume().once('end', () => {
        answer = () => response.end(`slow ${request.method}`);
      });
      return true;
    }),
  );
  let arrived = 0;
  serveUpgrade(t, '/behind', (_request, socket, head) => {
    arrived += 1;
    socket.write(Buffer.concat([Buffer.from(switching), head]));
    socket.pipe(socket);
  });
  const post = 'POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody';
  const get = 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const connections = [
    () => connect(t),
    async () => {
      const socket = tls.connect({ port: secure.port, ca: secure.ca, servername: 'localhost' });
      t.after(() => socket.destroy());
      return watchRaw(socket.on('error', () => {}));
    },
  ];
  const answerNext = async () => {
    await eventually('a request', () => answer !== undefined);
    answer?.();
    answer = undefined;
  };
  for (const open of connections) {
    for (const before of [[post], [get], [get, post], [post, get, post]]) {
      arrived = 0;
      const client = await open();
      const early = 'e'.repeat(100_000);
      client.write(before.join('') + upgradeRequest('/behind') + early.slice(0, 10));
      await eventually('the first request', () => answer !== undefined);
      client.write(early.slice(10));
      for (const _ of before) {
        assert.equal(arrived, 0);
        await answerNext();
      }
      await eventually('the echo', () => client.received().endsWith(early));
      const bodies = client.received().match(/slow [A-Z]+(?=HTTP)|HTTP\/1\.1 101/g);
      assert.deepEqual(bodies, [...before.map(one => `slow ${one.split(' ')[0]}`), 'HTTP/1.1 101']);
      client.write('later');
      await eventually('more of it', () => client.received().endsWith('later'));
      client.destroy();
    }
    // A guard refuses it in its turn.
    const refused = await open();
    refused.write(post + upgradeRequest('/behind').replace('localhost', 'evil.example'));
    await answerNext();
    assert.match(await refused.untilClosed(), /slow POST[\s\S]*HTTP\/1\.1 403 /);
    // An answer that ends the connection ends it for the upgrade too.
    const ended = await open();
    ended.write(
      `POST /slow HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${upgradeRequest('/behind')}`,
    );
    assert.match(await ended.untilClosed(), /^HTTP\/1\.1 400 /);
  }
  // An upgrade is never sent for a client that has left.
  arrived = 0;
  const leaving = await connect(t);
  leaving.write(post + upgradeRequest('/behind'));
  await eventually('the request', () => answer !== undefined);
  const before = over;
  leaving.socket.resetAndDestroy();
  await eventually('the end of the request before it', () => over > before);
  assert.equal(arrived, 0);
});

// The process

test('SIGTERM leaves an open upgrade a short grace period, cuts it, and ends one that waits for the API server with a 503', async t => {
  const { proxy: leaving } = await startStack(t, {
    server,
    flags: ['--reject-paths=', '--shutdown-grace=3s'],
  });
  const { client, upstream } = await openUpgrade(t, '/leaving', leaving);
  upstream.pipe(upstream);
  serveUpgrade(t, '/waiting', () => {});
  const waiting = await connect(t, leaving);
  waiting.write(upgradeRequest('/waiting'));
  await server.waitForRequest(({ rawUrl }) => rawUrl === '/waiting');
  const exited = leaving.stop('SIGTERM');
  await eventually('that nothing new is accepted', async () => {
    const answer = await fetch(`${leaving.url}/version`).catch(() => undefined);
    return answer === undefined;
  });
  client.write('still here');
  await client.until(/still here$/);
  assert.match(await waiting.untilClosed(), /^HTTP\/1\.1 503 /);
  await client.untilClosed();
  // One second after its grace period it would exit with 1.
  assert.deepEqual(await exited, { code: 0, signal: null });
});

/** The output of `ss` for the program's established connections, with timers. */
function connectionsOf(pid: number): string[] {
  const { stdout } = spawnSync('ss', ['-tnpoH', 'state', 'established'], { encoding: 'utf8' });
  return stdout.split('\n').filter(line => line.includes(`pid=${pid},`));
}

/** Seconds until the next keep-alive probe. */
function probeIn(line: string | undefined): number {
  const [, minutes = '0', seconds = 'NaN'] =
    /timer:\(keepalive,(?:(\d+)min)?([\d.]+)?/.exec(line ?? '') ?? [];
  return Number(minutes) * 60 + Number(seconds);
}

test('TCP keep-alive is on for both sockets of an upgrade and of a watch, at the interval of --keepalive', async t => {
  if (spawnSync('ss', ['-V']).status !== 0) return t.skip('ss is not in PATH');
  for (const [value, most] of [
    ['0s', 15],
    ['40s', 40],
  ] as const) {
    const flags = ['--reject-paths=', `--keepalive=${value}`];
    const { proxy: through } = await startStack(t, { server, flags });
    const { client } = await openUpgrade(t, `/keepalive-${value}`, through);
    const watch = await connect(t, through);
    watch.write('GET /api/v1/namespaces/kube-system/pods?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await watch.until(/\r\n\r\n/);
    const lines = connectionsOf(through.pid);
    if (lines.length === 0) return t.skip('ss shows no processes here');
    const clients = [client, watch].map(({ socket }) => {
      const { port } = socket.address() as AddressInfo;
      return lines.find(line => line.includes(`127.0.0.1:${port} `));
    });
    const upstreams = lines.filter(line => line.includes(`127.0.0.1:${server.port} `));
    for (const line of clients) {
      assert.ok(probeIn(line) <= most && probeIn(line) > most - 10, `client: ${line}`);
    }
    assert.ok(upstreams.length > 1);
    for (const line of upstreams) {
      assert.ok(probeIn(line) <= most && probeIn(line) > most - 10, `API server: ${line}`);
    }
  }
});

test('an upgrade over a Unix socket works, and sends no client address', async t => {
  const path = `${dirname(kubeconfig)}/socket`;
  const through = await startProxy(['--kubeconfig', kubeconfig, '--reject-paths=', '-u', path]);
  t.after(() => through.stop('SIGKILL'));
  serveUpgrade(t, '/unix', (_request, socket) => {
    socket.write(switching);
    socket.pipe(socket);
  });
  const client = net.connect(path);
  t.after(() => client.destroy());
  client.write(upgradeRequest('/unix'));
  let text = '';
  client.on('data', chunk => {
    text += chunk.toString('latin1');
  });
  await eventually('the 101', () => text.includes('\r\n\r\n'));
  assert.match(text, /^HTTP\/1\.1 101 /);
  client.write('ping');
  await eventually('the echo', () => text.endsWith('ping'));
  assert.equal(
    server.requests.find(({ rawUrl }) => rawUrl === '/unix')?.headers['x-forwarded-for'],
    undefined,
  );
});
