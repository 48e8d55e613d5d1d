import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { open, send } from '../../support/clients/http-client.js';
import type { RequestRecord } from '../../support/fake-api-server/fake-api-server.js';
import { twoUsers } from '../../support/identities/two-users.js';
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

// test/transport/http2/pool.test.ts shows how requests share connections, endurance/ has thousands of them, and those of HTTP/2 clients are in
// test/features/tls/.
describe('an API server with HTTP/2', () => {
  test('distinguishes the callers on one connection, and gets other requests over HTTP/1.1', async t => {
    const { server, proxy } = await startGateway(t, { tokenFile: twoUsers });
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
    const { server, proxy } = await startStack(t, { env: { DISABLE_HTTP2: '1' } });
    for (let count = 0; count < 2; count += 1) await watch(proxy.port, quiet);
    assert.deepEqual(arrived(watchesAt(server)), ['1.1', 2]);
  });
});
