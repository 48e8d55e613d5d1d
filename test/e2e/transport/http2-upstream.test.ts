import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { open, send } from '../../support/clients/http-client.js';
import { connectHttp2, headOf, openStream } from '../../support/clients/http2-client.js';
import { collectText } from '../../support/collected-text.js';
import { eventually } from '../../support/eventually.js';
import { configMap } from '../../support/fake-api-server/config-maps.js';
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

/** A watch, and what it has received. */
async function watch(port: number, path: string, headers: Record<string, string> = {}) {
  const response = await open(port, path, { headers });
  return { response, text: collectText(response.on('error', () => {})) };
}

function watchMany(port: number, count: number, path = quiet) {
  return Promise.all(Array.from({ length: count }, () => watch(port, path)));
}

function watchesAt({ requests }: FakeApiServer, mark = ''): RequestRecord[] {
  return requests.filter(({ rawUrl }) => rawUrl.includes('watch=true') && rawUrl.includes(mark));
}

/** The connections of requests, by their ports. */
function portsOf(records: readonly RequestRecord[]): Set<number> {
  return new Set(records.map(({ remotePort }) => remotePort));
}

describe('an API server with HTTP/2', () => {
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
    server.write(configMap('default', 'seen-by-all'));
    await eventually('the event in every watch', () =>
      watches.every(({ text }) => text().includes('"seen-by-all"')),
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
    server.write(configMap('default', 'on-both-sides'));
    await eventually('the event', () => texts.every(text => text.includes('"on-both-sides"')));
    for (const stream of streams.slice(0, 10)) stream.close(8);
    const records = watchesAt(server);
    const closed = () => records.filter(({ closedAt }) => closedAt !== undefined).length;
    await eventually('the end of ten streams', () => closed() === 10);
    server.write(configMap('default', 'by-the-others'));
    await eventually('the event', () => texts.slice(10).every(text => text.includes('"by-the-others"')));
    assert.equal(portsOf(records).size, 1);
  });
});
