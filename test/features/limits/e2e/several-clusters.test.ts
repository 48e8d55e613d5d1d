import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { type Leg, send, toBytes } from '../../../e2e/leg.js';
import { connectRaw } from '../../../support/clients/raw-http.js';
import { eventually } from '../../../support/eventually.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { listen } from '../../../support/ports.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const server = await startFakeApiServer({
  clientCertificates: 'optional',
  allow: () => true,
  tokens: { admin: { username: 'admin' } },
});
after(() => server.kill());
/** Accepts connections, and answers nothing. */
const held: Socket[] = [];
const silent = createServer(socket => void held.push(socket.on('error', () => {})));
await listen(silent);
after(() => {
  silent.close();
  for (const socket of held) socket.destroy();
});
const { port: silentPort } = silent.address() as { port: number };
const folder = temporaryFolder();
const kubeconfig = join(folder, 'config');
const ca = Buffer.from(server.authority.certificate).toString('base64');
await writeFile(
  kubeconfig,
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'good', cluster: { server: server.url, 'certificate-authority-data': ca } },
      { name: 'silent', cluster: { server: `http://127.0.0.1:${silentPort}` } },
    ],
    users: [{ name: 'admin', user: { token: 'admin' } }],
    contexts: ['good', 'silent'].map(name => ({ name, context: { cluster: name, user: 'admin' } })),
    'current-context': 'good',
  }),
  { mode: 0o600 },
);
const { port } = await startInProcess({ after }, [
  ...[`--kubeconfig=${kubeconfig}`, '--all-contexts', '--reject-paths='],
  ...['--max-requests-inflight=8', '--max-longrunning-requests=8'],
]);

const targets: Readonly<Record<Leg, string>> = {
  plain: '/api/v1/namespaces/default/pods',
  websocket: '/api/v1/namespaces/default/pods/web-0/exec?command=true&stdout=true',
  spdy: '/api/v1/namespaces/default/pods/web-0/exec?command=true&stdout=true',
};

for (const leg of ['plain', 'websocket', 'spdy'] as const) {
  test(`a cluster that answers nothing leaves slots to the others (${leg})`, async t => {
    // The requests of the previous test have ended.
    await eventually('free slots', async () =>
      /request_slots_in_use\{kind="longrunning"\} 0\n/.test(
        (await send(port, { target: '/-/metrics' })).body,
      ),
    );
    const before = held.length;
    for (let count = 1; count <= 6; count++) {
      const connection = await connectRaw(port);
      // After a close (FIN) the program would wait 25 s for the answer.
      t.after(() => connection.socket.resetAndDestroy());
      connection.write(toBytes({ leg, target: `/clusters/silent${targets[leg]}` }));
      await eventually('its connection', () => held.length === before + count);
    }
    const { code, body } = await send(port, { leg, target: `/clusters/silent${targets[leg]}` });
    assert.deepEqual([code, /one cluster of several/.test(body)], [429, true]);
    for (const prefix of ['/clusters/good', '']) {
      const answer = await send(port, { leg, target: `${prefix}${targets[leg]}` });
      assert.equal(answer.code, leg === 'plain' ? 200 : 101);
    }
  });
}
