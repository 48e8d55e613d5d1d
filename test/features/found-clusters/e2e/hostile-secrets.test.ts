import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sharedIdentity } from '../../../support/certificates/certificates.js';
import { send } from '../../../support/clients/http-client.js';
import { eventually } from '../../../support/eventually.js';
import {
  startFoundGateway,
  tokenOfGateway,
  writeSecret,
} from '../../../support/found-clusters/found-gateway.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { hostileKubeconfigs, kubeconfig } from './hostile-kubeconfigs.js';

const folder = temporaryFolder();
const [callers, secretFile, trap] = ['callers.csv', 'secret', 'trap'].map(name => join(folder, name)) as [
  string,
  string,
  string,
];
const token = 'token-of-a-caller';
const canary = 'c4n4ry';
await writeFile(callers, `${token},jane,,"dev"\n`);
await writeFile(secretFile, `${canary}-of-a-file`);

/** A server to which hostile Secrets lead. It keeps every byte that comes, and redirects each request. */
const { authority, serverCertificate } = await sharedIdentity();
const recorder = createServer(
  { cert: serverCertificate.certificate, key: serverCertificate.key },
  (request, response) => {
    response.writeHead(307, { Location: `https://127.0.0.1:1/${request.url}` }).end();
  },
);
let connections = 0;
const received: Buffer[] = [];
recorder.on('connection', () => void connections++);
recorder.on('secureConnection', (socket: Socket) => socket.on('data', bytes => void received.push(bytes)));
await new Promise<void>(resolve => recorder.listen(0, '127.0.0.1', resolve));
after(() => recorder.close());
const parts = {
  server: `127.0.0.1:${(recorder.address() as AddressInfo).port}`,
  authority: authority.certificate,
  ...{ secretFile, trap, canary },
};
const hostile = [...hostileKubeconfigs(parts)];
const nameOf = (index: number) => `h${index}`;

interface Entry {
  readonly name: string;
  readonly server: string;
  readonly reason?: string;
}

/** A gateway with callers, and what it says of clusters whose objects it has read. */
async function startGateway(scope: Parameters<typeof startFoundGateway>[0], servers: string) {
  const gateway = await startFoundGateway(scope, {
    servers,
    flags: [callersFlag(callers), '--admin-port=0'],
  });
  const headers = { authorization: `Bearer ${token}` };
  const get = (path: string, more = {}) =>
    send(gateway.proxy.port, path, { headers: { ...headers, ...more } });
  return {
    ...gateway,
    get,
    async read(): Promise<readonly Entry[]> {
      const { clusters } = (await get('/-/clusters')).json as { readonly clusters: readonly Entry[] };
      return clusters.filter(({ name, server, reason }) => /^fleet\.h/.test(name) && (server || reason));
    },
    /** Nothing of a Secret is told, run, or read from a file, and the API server of / is served. */
    async assertUnharmed(): Promise<void> {
      const reasons = (await this.read()).map(({ reason = '' }) => reason);
      const logged = gateway.proxy.log().flatMap(line => Object.values(line).map(String));
      const readyz = (await get('/-/readyz?verbose')).text.split('\n');
      for (const text of [...reasons, ...logged, ...readyz]) {
        assert.ok(!text.includes(canary), text);
        assert.doesNotMatch(text, /[\p{Cc}\u202e\u2066]/u);
      }
      assert.ok(!existsSync(trap), 'no program has run, and no file was written');
      assert.equal((await get('/api/v1/namespaces/default/pods/web-0')).status, 200);
    },
  };
}

test('none of a hundred hostile Secrets, one by one, leads anywhere or tells anything', async t => {
  assert.ok(hostile.length >= 100);
  const gateway = await startGateway(t, '');
  for (const [index, [what, content]] of hostile.entries()) {
    writeSecret(gateway.home, nameOf(index), content);
    await eventually(`${what} is read`, async () => (await gateway.read()).length === index + 1);
    const { status } = await gateway.get(`/clusters/fleet.${nameOf(index)}/version`);
    assert.ok(status >= 400, `${what}: ${status}`);
    const { text } = await gateway.get('/-/readyz?verbose');
    assert.ok(text.length < 4_000, what);
  }
  await gateway.assertUnharmed();
  assert.equal(connections, 0, 'no loopback address was dialled, however it was written');
  const lines = gateway.proxy.log().filter(({ cluster }) => /^fleet\.h/.test(String(cluster)));
  assert.ok(lines.length <= 2 * hostile.length);
  for (const line of lines) assert.ok(JSON.stringify(line).length < 2_500, JSON.stringify(line));
});

test('all of them together neither harm the gateway nor get a token of a caller, where their server is allowed', async t => {
  const gateway = await startGateway(t, '127\\.0\\.0\\.1');
  for (const [index, [, content]] of hostile.entries()) writeSecret(gateway.home, nameOf(index), content);
  writeSecret(gateway.home, 'hgood', kubeconfig(parts));
  await eventually('all are read', async () => (await gateway.read()).length === hostile.length + 1);
  const { text } = await gateway.get('/-/readyz?verbose');
  assert.match(text, /^warn: \d+ of the clusters that were found cannot be used/m);
  assert.equal(text.match(/fleet\.h\d+: /g)?.length, 5);
  for (const name of ['hgood', ...hostile.map((_, index) => nameOf(index))]) {
    const fields = { 'x-forwarded-access-token': token, cookie: `session=${token}` };
    const { status, headers } = await gateway.get(`/clusters/fleet.${name}/api`, fields);
    assert.ok(status >= 307, `${name}: ${status}`);
    assert.equal(headers['www-authenticate'], undefined);
  }
  await gateway.assertUnharmed();
  const bytes = Buffer.concat(received).toString('latin1');
  assert.match(bytes, /^GET \/api HTTP\/1\.1\r\n/m, 'some have led to the server');
  assert.match(bytes, /^Impersonate-User: jane\r$/m);
  for (const secret of [token, tokenOfGateway, Buffer.from(token).toString('base64')])
    assert.ok(!bytes.includes(secret));
});
