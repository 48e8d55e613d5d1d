import assert from 'node:assert/strict';
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { after, describe, type TestContext, test } from 'node:test';
import { toBytes } from '../../../e2e/leg.js';
import { open, send } from '../../../support/clients/http-client.js';
import { connectRaw, type RawConnection } from '../../../support/clients/raw-http.js';
import type { FakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { ownMetric, untilOwnMetric } from '../../../support/proxy/own-metric.js';
import { startStack } from '../../../support/proxy/stack.js';

const inflight = 'kube_api_proxy_request_slots_in_use{kind="inflight"}';
const longrunning = 'kube_api_proxy_request_slots_in_use{kind="longrunning"}';
const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
const portForward = '/api/v1/namespaces/default/pods/web-0/portforward';
const slowPath = '/api/v1/namespaces/default/slow';
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';

const [few, three] = await Promise.all([
  startStack(
    { after },
    { run: startInProcess, flags: ['--max-requests-inflight=2', '--max-longrunning-requests=2'] },
  ),
  startStack(
    { after },
    {
      run: startInProcess,
      flags: [
        ...['--max-requests-inflight=3', '--max-longrunning-requests=3'],
        ...['--max-requests-inflight-per-user=3', '--max-longrunning-requests-per-user=3'],
        ...['--reject-paths=/exec'],
      ],
    },
  ),
]);

function rejected(reason: string): string {
  return `kube_api_proxy_rejected_requests_total{reason="${reason}"}`;
}

/** Does not answer requests for the slow path until `release` answers those that wait. */
function holdSlowPath(server: FakeApiServer): { release: () => void; remove: () => void } {
  const waiting: http.ServerResponse[] = [];
  const remove = server.intercept((request, response) => {
    if (!request.url?.startsWith(slowPath)) return false;
    waiting.push(response);
    return true;
  });
  return {
    release: () => {
      for (const response of waiting.splice(0)) response.end('done');
    },
    remove,
  };
}

/** Leaves upgrades to the test. */
function serveUpgrades(t: TestContext, server: FakeApiServer, answer: (socket: Duplex) => void): void {
  const sockets: Duplex[] = [];
  const remove = server.interceptUpgrade((_request, socket: Duplex) => {
    sockets.push(socket.on('error', () => {}).on('end', () => socket.end()));
    socket.resume();
    answer(socket);
    return true;
  });
  t.after(() => {
    remove();
    for (const socket of sockets) socket.destroy();
  });
}

async function connect(t: TestContext, port: number): Promise<RawConnection> {
  const connection = await connectRaw(port);
  connection.socket.on('error', () => {});
  t.after(() => connection.destroy());
  return connection;
}

/** The rejection of a request over a limit, as the API server and apimachinery write it. */
function assertTooMany(status: number, headers: http.IncomingHttpHeaders, text: string, flag: string): void {
  assert.equal(status, 429, text);
  assert.equal(headers['retry-after'], '1');
  const { message, ...rest } = JSON.parse(text) as { message: string };
  assert.match(message, new RegExp(`--${flag} \\(`));
  assert.deepEqual(rest, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason: 'TooManyRequests',
    details: { retryAfterSeconds: 1 },
    code: 429,
  });
}

describe('a request over a limit of all users', () => {
  const proxied = few;
  const { port } = few;

  test('is rejected at once, with the whole body of a POST, and served again when a slot is free', async t => {
    const slow = holdSlowPath(proxied.server);
    t.after(slow.remove);
    const held = [send(port, slowPath), send(port, slowPath)];
    await untilOwnMetric(port, inflight, 2);
    const before = (await ownMetric(port, rejected('max_inflight'))) ?? 0;
    const { status, headers, text } = await send(port, '/version');
    assertTooMany(status, headers, text, 'max-requests-inflight');
    await untilOwnMetric(port, rejected('max_inflight'), before + 1);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const post = { method: 'POST', body: Buffer.alloc(1 << 20, 'x'), agent };
    const posted = await send(port, '/api/v1/namespaces/default/configmaps', post);
    assertTooMany(posted.status, posted.headers, posted.text, 'max-requests-inflight');
    const watch = await open(port, quietWatch);
    assert.equal(watch.statusCode, 200, 'the other kind has slots of its own');
    watch.destroy();
    for (const path of ['/-/livez', '/-/readyz', '/-/metrics'])
      assert.equal((await send(port, path)).status, 200, path);
    slow.release();
    assert.deepEqual(
      (await Promise.all(held)).map(answer => answer.status),
      [200, 200],
    );
    await untilOwnMetric(port, inflight, 0);
    assert.equal((await send(port, '/version', { agent })).status, 200, 'its connection has stayed open');
  });

  test('is rejected on every leg if it is a watch or an upgrade, and kubectl and browsers can read why', async t => {
    serveUpgrades(t, proxied.server, socket => socket.write(switching));
    const watch = await open(port, quietWatch);
    const upgrade = await connect(t, port);
    upgrade.write(toBytes({ leg: 'spdy', target: portForward }));
    await upgrade.until(/ 101 /);
    await untilOwnMetric(port, longrunning, 2);
    const before = (await ownMetric(port, rejected('max_longrunning'))) ?? 0;
    for (const leg of ['plain', 'spdy', 'websocket'] as const) {
      for (const target of [
        quietWatch,
        portForward,
        `${portForward}/`,
        '/api/v1/namespaces/default/pods/web-0/log',
      ]) {
        const connection = await connect(t, port);
        connection.write(toBytes({ leg, target }));
        const [head = '', text = ''] = (await connection.untilClosed()).split('\r\n\r\n');
        assert.match(head, /^HTTP\/1\.1 429 Too Many Requests\r\n/, `${leg} ${target}`);
        const retryAfter = /^retry-after: (.*)$/im.exec(head)?.[1];
        assertTooMany(
          429,
          retryAfter === undefined ? {} : { 'retry-after': retryAfter },
          text,
          'max-longrunning-requests',
        );
      }
    }
    await untilOwnMetric(port, rejected('max_longrunning'), before + 12);
    assert.equal((await send(port, '/version')).status, 200, 'the other kind has slots of its own');
    watch.destroy();
    upgrade.destroy();
    await untilOwnMetric(port, longrunning, 0);
  });
});

describe('a slot becomes free', () => {
  const proxied = three;
  const { port } = three;

  const plain = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

  /** A client that has sent these bytes, and has got an answer that begins like this. */
  const asked = async (t: TestContext, bytes: string | Buffer, begin: RegExp) => {
    const connection = await connect(t, port);
    connection.write(bytes);
    await connection.until(begin);
    return connection;
  };

  const ways: Record<string, (t: TestContext) => Promise<unknown>> = {
    'when the filter rejects the request': () => send(port, '/api/v1/namespaces/default/pods/web-0/exec'),
    'when the client leaves in the middle of its body': async t => {
      const connection = await connect(t, port);
      connection.write(
        'POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{',
      );
      await untilOwnMetric(port, inflight, 1);
      connection.destroy();
    },
    'when pipelined requests are cut': async t => {
      t.after(holdSlowPath(proxied.server).remove);
      const connection = await connect(t, port);
      connection.write(plain(slowPath) + plain('/version') + plain('/version') + plain('/version'));
      await untilOwnMetric(port, inflight, 1);
      assert.equal(await ownMetric(port, 'kube_api_proxy_inflight_requests'), 1, 'the others wait');
      connection.destroy();
    },
    'when an upgrade is refused by the API server': async t => {
      const target = '/api/v1/namespaces/default/pods/none/portforward';
      await asked(t, toBytes({ leg: 'websocket', target }), /^HTTP\/1\.1 404 /);
    },
    'when the API server is down': async t => {
      await proxied.server.kill();
      t.after(() => proxied.server.restart());
      for (let turn = 0; turn < 4; turn++) {
        assert.equal((await send(port, '/version')).status, 503);
        await asked(t, toBytes({ leg: 'spdy', target: portForward }), /^HTTP\/1\.1 503 /);
      }
    },
  };

  for (const [way, go] of Object.entries(ways)) {
    test(way, async t => {
      await go(t);
      for (const metric of [inflight, longrunning, 'kube_api_proxy_users'])
        await untilOwnMetric(port, metric, 0);
    });
  }
});
