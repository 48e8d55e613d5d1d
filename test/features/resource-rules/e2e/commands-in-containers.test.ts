import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { byPath, otherWays } from '../../../e2e/guard/command-requests.js';
import { send } from '../../../e2e/leg.js';
import { projectFile } from '../../../support/project.js';
import { startProxy } from '../../../support/proxy/proxy.js';
import { startStrictUpstream } from '../../../support/upstreams/strict-upstream.js';

const security = await readFile(projectFile('.github/SECURITY.md'), 'utf8');
const recommended = /^ *kube-api-proxy (--reject-resources=\S+)$/m.exec(security)?.[1] ?? '';

const upstream = await startStrictUpstream((_request, socket) => {
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});
const kubeconfig = await upstream.writeKubeconfig();
const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, recommended, '--reject-paths=']);
after(async () => {
  await proxy.stop('SIGKILL');
  await upstream.stop();
});

for (const leg of ['plain', 'websocket', 'spdy'] as const) {
  test(`commands in containers are all stopped by the line of SECURITY.md on the ${leg} leg`, async () => {
    for (const request of [...byPath, ...otherWays]) {
      assert.equal((await send(proxy.port, { leg, ...request })).code, 403, request.target);
    }
    assert.equal(upstream.requests.length, 0);
  });
}
