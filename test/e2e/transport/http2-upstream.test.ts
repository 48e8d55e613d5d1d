import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { after, describe, test } from 'node:test';
import { open, requestApi, send } from '../../support/clients/http-client.js';
import { connectHttp2, headOf, openStream } from '../../support/clients/http2-client.js';
import { eventually } from '../../support/eventually.js';
import type { FakeApiServer, RequestRecord } from '../../support/fake-api-server/fake-api-server.js';
import { twoUsers } from '../../support/identities/two-users.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { untilOwnMetric } from '../../support/proxy/own-metric.js';
import { startGateway, startStack } from '../../support/proxy/stack.js';

const configMaps = '/api/v1/namespaces/default/configmaps';
/** A watch without events. */
const quiet = `${configMaps}?watch=true&fieldSelector=metadata.name%3Dnone`;
const pods = '/api/v1/namespaces/default/pods?watch=true';
const active = 'kube_api_proxy_upstream_connections{state="active"}';

/** The stack that tests share. They find their requests by a mark, and depend on their order for the number of connections. */
const shared = await startStack({ after }, { run: startInProcess });

/** What a client receives of its watch. */
interface Watch {
  readonly response: IncomingMessage;
  text: string;
  /** Undefined while it is open. */
  end: 'complete' | 'cut' | undefined;
}

async function watch(port: number, path: string, headers: Record<string, string> = {}): Promise<Watch> {
  const response = await open(port, path, { headers });
  const found: Watch = { response, text: '', end: undefined };
  response.setEncoding('utf8').on('data', (chunk: string) => {
    found.text += chunk;
  });
  response.on('error', () => {});
  response.once('close', () => {
    found.end = response.complete ? 'complete' : 'cut';
  });
  return found;
}

function watchMany(port: number, count: number, path = quiet): Promise<Watch[]> {
  return Promise.all(Array.from({ length: count }, () => watch(port, path)));
}

async function createConfigMap(server: FakeApiServer, name: string): Promise<void> {
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  const headers = { 'content-type': 'application/json' };
  const { status } = await requestApi(server, { method: 'POST', path: configMaps, headers, body });
  assert.equal(status, 201);
}

function watchesAt({ requests }: FakeApiServer, mark = ''): RequestRecord[] {
  return requests.filter(({ rawUrl }) => rawUrl.includes('watch=true') && rawUrl.includes(mark));
}

/** The connections of requests, by their ports. */
function portsOf(records: readonly RequestRecord[]): Set<number> {
  return new Set(records.map(({ remotePort }) => remotePort));
}

describe('an API server with HTTP/2', () => {
  test('sees that a client leaves, and its other streams continue', async () => {
    const { server, proxy } = shared;
    const watches: Watch[] = [];
    for (let index = 0; index < 10; index++) {
      watches.push(await watch(proxy.port, `${configMaps}?watch=true&leaving=${index}.`));
    }
    const leaving = watches.filter((_, index) => index % 3 === 0);
    for (const { response } of leaving) response.destroy();
    const closed = () => watchesAt(server, 'leaving=').filter(({ closedAt }) => closedAt !== undefined);
    await eventually('the end of four streams', () => closed().length === leaving.length);
    assert.deepEqual(
      closed().map(({ rawUrl }) => /leaving=(\d)/.exec(rawUrl)?.[1]),
      ['0', '3', '6', '9'],
    );
    await createConfigMap(server, 'seen-by-others');
    const staying = watches.filter(each => !leaving.includes(each));
    await eventually('the event', () => staying.every(({ text }) => text.includes('"seen-by-others"')));
    assert.equal(portsOf(watchesAt(server, 'leaving=')).size, 1);
    for (const { response } of staying) response.destroy();
  });

  // The tests in endurance/ use thousands.
  test('has hundreds of watches on few connections, and other requests over HTTP/1.1', async () => {
    const { server, proxy } = shared;
    const path = `${configMaps}?watch=true&hundreds`;
    const first = await watch(proxy.port, path);
    const watches = [first, ...(await watchMany(proxy.port, 249, path))];
    assert.ok(watches.every(({ response }) => response.statusCode === 200));
    const plain = await Promise.all(Array.from({ length: 50 }, () => send(proxy.port, configMaps)));
    assert.ok(plain.every(({ status }) => status === 200));
    const records = watchesAt(server, path);
    assert.equal(records.length, 250);
    assert.ok(records.every(({ httpVersion }) => httpVersion === '2.0'));
    const ports = portsOf(records);
    assert.ok(ports.size >= 3 && ports.size <= 4, `${ports.size} connections`);
    const others = server.requests.filter(({ rawUrl }) => rawUrl === configMaps);
    assert.ok(others.length >= 50);
    assert.ok(others.every(({ httpVersion }) => httpVersion === '1.1'));
    await createConfigMap(server, 'seen-by-all');
    await eventually('the event in every watch', () =>
      watches.every(({ text }) => text.includes('"seen-by-all"')),
    );
    for (const { response } of watches) response.destroy();
    await untilOwnMetric(proxy.port, active, 0);
    await eventually('the end of every stream', () =>
      records.every(({ closedAt }) => closedAt !== undefined),
    );
  });

  test('distinguishes the callers on one connection', async t => {
    const { server, proxy } = await startGateway(t, { run: startInProcess, tokenFile: twoUsers });
    const as = (token: string) => ({ authorization: `Bearer ${token}` });
    await watch(proxy.port, pods, as('alice-token'));
    const each = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const [token, path] = index % 2 === 0 ? ['alice-token', pods] : ['bob-token', quiet];
        const [ownName, other] = index % 2 === 0 ? ['alice', quiet] : ['bob', pods];
        const mark = `&mark=${index}.`;
        const allowed = await watch(proxy.port, `${path}${mark}`, as(token as string));
        const refused = await send(proxy.port, `${other}${mark}`, { headers: as(token as string) });
        return { ownName, mark, allowed, refused };
      }),
    );
    const records = watchesAt(server);
    for (const { ownName, mark, allowed, refused } of each) {
      assert.equal(allowed.response.statusCode, 200);
      assert.equal(refused.status, 403);
      assert.match(refused.text, new RegExp(`"${ownName}\\\\" cannot|\\\\"${ownName}\\\\"`));
      const own = records.filter(({ rawUrl }) => rawUrl.endsWith(mark));
      assert.deepEqual(
        own.map(({ headers }) => [headers['impersonate-user'], headers['authorization']]),
        Array.from({ length: 2 }, () => [ownName, 'Bearer token-of-the-proxy']),
      );
    }
    assert.equal(portsOf(records).size, 1);
  });

  test('causes its watches to end when it stops, and gets new ones when it is up again', async t => {
    const { server, proxy } = await startStack(t, { run: startInProcess });
    for (const [how, expected] of [
      ['kill', 'cut'],
      ['close', 'complete'],
    ] as const) {
      const watches = await watchMany(proxy.port, 20);
      const gone = server[how]();
      await eventually('the end of every watch', () => watches.every(({ end }) => end !== undefined));
      assert.ok(watches.every(({ end }) => end === expected));
      if (how === 'close') await server.kill();
      await gone;
      await untilOwnMetric(proxy.port, active, 0);
      await server.restart();
    }
    const next = await watchMany(proxy.port, 5);
    assert.ok(next.every(({ response, end }) => response.statusCode === 200 && end === undefined));
    for (const { response } of next) response.destroy();
  });

  test('gets only HTTP/1.1 with DISABLE_HTTP2', async t => {
    const { server, proxy } = await startStack(t, { run: startInProcess, env: { DISABLE_HTTP2: '1' } });
    const watches = await watchMany(proxy.port, 10);
    assert.ok(server.requests.every(({ httpVersion }) => httpVersion === '1.1'));
    assert.equal(portsOf(watchesAt(server)).size, 10);
    for (const { response } of watches) response.destroy();
  });

  test('serves HTTP/2 clients too', encrypted, async t => {
    const { server, proxy, ca } = await startStack(t, { run: startInProcess, tls: true });
    const session = await connectHttp2(proxy.port, ca);
    t.after(() => session.destroy());
    const streams = Array.from({ length: 30 }, () => openStream(session, `${configMaps}?watch=true`));
    const texts = streams.map(() => '');
    for (const [index, stream] of streams.entries()) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        texts[index] += chunk;
      });
    }
    const heads = await Promise.all(streams.map(headOf));
    assert.ok(heads.every(head => head[':status'] === 200 && head['connection'] === undefined));
    await createConfigMap(server, 'on-both-sides');
    await eventually('the event', () => texts.every(text => text.includes('"on-both-sides"')));
    for (const stream of streams.slice(0, 10)) stream.close(8);
    const records = watchesAt(server);
    const closed = () => records.filter(({ closedAt }) => closedAt !== undefined).length;
    await eventually('the end of ten streams', () => closed() === 10);
    await createConfigMap(server, 'by-the-others');
    await eventually('the event', () => texts.slice(10).every(text => text.includes('"by-the-others"')));
    assert.equal(portsOf(records).size, 1);
  });
});

test('an API server with only HTTP/1.1 gets every watch on its own connection', async t => {
  const tls = { ALPNProtocols: ['http/1.1'] } as Record<string, unknown>;
  const { server, proxy } = await startStack(t, { run: startInProcess, server: { tls } });
  const watches = await watchMany(proxy.port, 30, `${configMaps}?watch=true`);
  assert.ok(watches.every(({ response }) => response.statusCode === 200));
  const records = watchesAt(server);
  assert.ok(records.every(({ httpVersion }) => httpVersion === '1.1'));
  assert.equal(portsOf(records).size, 30);
  await createConfigMap(server, 'over-http1');
  await eventually('the event', () => watches.every(({ text }) => text.includes('"over-http1"')));
  for (const { response } of watches) response.destroy();
  await untilOwnMetric(proxy.port, active, 0);
});
