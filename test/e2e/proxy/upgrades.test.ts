import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, type TestContext, test } from 'node:test';
import { connectRaw, type RawConnection, watchRaw } from '../../support/clients/raw-http.js';
import { eventually } from '../../support/eventually.js';
import { connectToListener } from '../../support/proxy/encrypted.js';
import type { RunningProgram } from '../../support/proxy/in-process.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { startStack } from '../../support/proxy/stack.js';

const { server, proxy } = await startStack({ after }, { flags: ['--reject-paths='] });

/** A request for an upgrade to a protocol that only these tests use. */
function upgradeRequest(path: string, ...headers: string[]): string {
  const lines = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: test/1', ...headers];
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test/1\r\n\r\n';

/** Leaves the upgrades of one path to the test. */
function serveUpgrade(t: TestContext, path: string, accept: (socket: Duplex, head: Buffer) => void): void {
  const accepted: Duplex[] = [];
  const remove = server.interceptUpgrade((request, socket: Duplex, head) => {
    if (request.url !== path) return false;
    accepted.push(socket.on('error', () => {}));
    accept(socket, head);
    return true;
  });
  t.after(() => {
    remove();
    for (const socket of accepted) socket.destroy();
  });
}

/** The client's connection of an open upgrade, after its 101; what it sends comes back. */
async function openUpgrade(t: TestContext, path: string, through: RunningProgram): Promise<RawConnection> {
  serveUpgrade(t, path, socket => {
    socket.write(switching);
    socket.pipe(socket);
  });
  const client = await connect(t, through);
  client.write(upgradeRequest(path));
  await client.until(/^HTTP\/1\.1 101 [\s\S]*?\r\n\r\n/);
  return client;
}

async function connect(t: TestContext, through: RunningProgram = proxy): Promise<RawConnection> {
  const client = await connectRaw(through.port);
  client.socket.on('error', () => {});
  t.after(() => client.destroy());
  return client;
}

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
  serveUpgrade(t, '/behind', (socket, head) => {
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
    const { proxy: through } = await startStack(t, { run: startProxyFor, server, flags });
    const client = await openUpgrade(t, `/keepalive-${value}`, through);
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
