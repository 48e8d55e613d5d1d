import assert from 'node:assert/strict';
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { after, describe, type TestContext, test } from 'node:test';
import { toBytes } from '../../../e2e/leg.js';
import { open, send } from '../../../support/clients/http-client.js';
import { connectRaw, type RawConnection } from '../../../support/clients/raw-http.js';
import type { FakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { ownMetric, untilOwnMetric } from '../../../support/proxy/own-metric.js';
import { startStack } from '../../../support/proxy/stack.js';

const inflight = 'kube_api_proxy_request_slots_in_use{kind="inflight"}';
const longrunning = 'kube_api_proxy_request_slots_in_use{kind="longrunning"}';
const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
const portForward = '/api/v1/namespaces/default/pods/web-0/portforward';
const slowPath = '/api/v1/namespaces/default/slow';
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';

const proxied = await startStack(
  { after },
  { flags: ['--max-requests-inflight=2', '--max-longrunning-requests=2'] },
);
const { port } = proxied;

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
