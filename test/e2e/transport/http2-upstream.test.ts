import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { open, send } from '../../support/clients/http-client.js';
import { connectHttp2, headOf, openStream } from '../../support/clients/http2-client.js';
import { eventually } from '../../support/eventually.js';
import { configMap } from '../../support/fake-api-server/config-maps.js';
import type { RequestRecord } from '../../support/fake-api-server/fake-api-server.js';
import { twoUsers } from '../../support/identities/two-users.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startGateway, startStack } from '../../support/proxy/stack.js';

const configMaps = '/api/v1/namespaces/default/configmaps';
/** A watch without events. */
const quiet = `${configMaps}?watch=true&fieldSelector=metadata.name%3Dnone`;
const pods = '/api/v1/namespaces/default/pods?watch=true';

const watchesAt = ({ requests }: { readonly requests: readonly RequestRecord[] }) =>
  requests.filter(({ rawUrl }) => rawUrl.includes('watch=true'));

/** How requests arrived: their HTTP versions, and the number of their connections. */
const arrived = (records: readonly RequestRecord[]) => [
  ...new Set(records.map(({ httpVersion }) => httpVersion)),
  new Set(records.map(({ remotePort }) => remotePort)).size,
];

/** Opens a watch, and leaves it open. */
async function watch(port: number, path: string, headers: Record<string, string> = {}) {
  const response = await open(port, path, { headers });
  response.on('error', () => {}).resume();
  return response.statusCode;
}

// test/transport/http2/pool.test.ts shows how requests share connections, and endurance/ has thousands of them.
describe('an API server with HTTP/2', () => {
  test('distinguishes the callers on one connection, and gets other requests over HTTP/1.1', async t => {
    const { server, proxy } = await startGateway(t, { run: startInProcess, tokenFile: twoUsers });
    const as = (token: string) => ({ authorization: `Bearer ${token}` });
    await watch(proxy.port, pods, as('alice-token'));
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const [name, path, other] =
          index % 2 === 0 ? (['alice', pods, quiet] as const) : (['bob', quiet, pods] as const);
        const [mark, headers] = [`&mark=${index}.`, as(`${name}-token`)];
        assert.equal(await watch(proxy.port, `${path}${mark}`, headers), 200);
        const refused = await send(proxy.port, `${other}${mark}`, { headers });
        assert.equal(refused.status, 403);
        assert.ok(refused.text.includes(`"${name}\\" cannot`), refused.text);
        const own = watchesAt(server).filter(({ rawUrl }) => rawUrl.endsWith(mark));
        assert.deepEqual(
          own.map(({ headers: sent }) => [sent['impersonate-user'], sent['authorization']]),
          Array.from({ length: 2 }, () => [name, 'Bearer token-of-the-proxy']),
        );
      }),
    );
    assert.deepEqual(arrived(watchesAt(server)), ['2.0', 1]);
    await send(proxy.port, configMaps, { headers: as('bob-token') });
    assert.deepEqual(arrived(server.requests.filter(({ rawUrl }) => rawUrl === configMaps)), ['1.1', 1]);
  });

  test('gets only HTTP/1.1 with DISABLE_HTTP2', async t => {
    const { server, proxy } = await startStack(t, { run: startInProcess, env: { DISABLE_HTTP2: '1' } });
    for (let count = 0; count < 2; count += 1) await watch(proxy.port, quiet);
    assert.deepEqual(arrived(watchesAt(server)), ['1.1', 2]);
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
    for (const stream of streams.slice(0, 10)) stream.close(8);
    const records = watchesAt(server);
    const closed = () => records.filter(({ closedAt }) => closedAt !== undefined).length;
    await eventually('the end of ten streams', () => closed() === 10);
    server.write(configMap('default', 'by-the-others'));
    await eventually('the event', () => texts.slice(10).every(text => text.includes('"by-the-others"')));
    assert.deepEqual(arrived(records), ['2.0', 1]);
  });
});
