import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { connectRaw, type RawConnection, watchRaw } from '../../support/clients/raw-http.js';
import { closed } from '../../support/closed.js';
import { eventually, within } from '../../support/eventually.js';
import type { FakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { connectToListener } from '../../support/proxy/encrypted.js';
import type { RunningProgram } from '../../support/proxy/in-process.js';
import { residentBytes } from '../../support/proxy/process-state.js';
import { startStack } from '../../support/proxy/stack.js';
import { clientRequests } from '../leg.js';

const MiB = 1024 * 1024;

const { server, proxy } = await startStack({ after }, { flags: ['--reject-paths='] });

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

test('an Upgrade field of an HTTP/1.0 request is ignored', async t => {
  serveUpgrade(t, '/ten', (_request, socket) => socket.end(switching));
  for (const method of ['GET', 'POST']) {
    const client = await connect(t);
    client.write(upgradeRequest('/ten', 'X-Ten: 1').replace('GET', method).replace('HTTP/1.1', 'HTTP/1.0'));
    assert.match(await client.untilClosed(), /^HTTP\/1\.1 404 /);
    assert.equal(clientRequests(server).at(-1)?.headers['upgrade'], undefined);
  }
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

// Bytes

for (const stalled of ['client', 'API server'] as const) {
  test(`a ${stalled} that does not read stops the other side, and the program does not grow`, async t => {
    const { client, upstream } = await openUpgrade(t, `/stalled-${stalled[0]}`);
    client.socket.removeAllListeners('data').pause();
    upstream.pause();
    const other = stalled === 'client' ? upstream : client.socket;
    const baseline = residentBytes(proxy.pid);
    const block = Buffer.alloc(MiB);
    let taken = 0;
    for (let sent = 0; sent < 200; sent += 1) {
      if (!other.write(block) && !(await drained(other))) break;
      taken = sent;
    }
    assert.ok(taken < 40, `${taken} MiB were taken`);
    const growth = residentBytes(proxy.pid) - baseline;
    assert.ok(growth < 60 * MiB, `it grew by ${growth} bytes`);
  });
}

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

// Ends

test('a client that dies, or leaves with unread data, ends its upstream connection', async t => {
  const dying = await openUpgrade(t, '/client-dies');
  dying.client.socket.resetAndDestroy();
  await gone(dying.upstream);
  const { client, upstream } = await openUpgrade(t, '/client-goes');
  client.socket.removeAllListeners('data').pause();
  upstream.on('error', () => {});
  const flood = setInterval(() => upstream.write(Buffer.alloc(256 * 1024)), 5);
  t.after(() => clearInterval(flood));
  await eventually('data that wait', () => upstream.writableLength > MiB);
  client.socket.destroy();
  await gone(upstream);
});

test('a client that resets its connection before the answer ends its upstream connection', async t => {
  const asked = new Promise<TLSSocket>(resolve => {
    serveUpgrade(t, '/leaves', (_request, socket) => resolve(socket));
  });
  const client = await connect(t);
  client.write(upgradeRequest('/leaves'));
  const upstream = await asked;
  client.socket.resetAndDestroy();
  await gone(upstream);
});

test('60 upgrades at once each get their own bytes, and leave nothing open', async t => {
  serveUpgrade(t, '/many', (_request, socket, head) => {
    socket.write(switching);
    socket.write(head);
    socket.pipe(socket);
  });
  const before = server.connections;
  await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
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
      const socket = connectToListener(secure);
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
    flags: ['--reject-paths=', '--shutdown-grace=10s'],
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
