import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { projectFile } from '../../support/project.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { type AttackRequest, type Leg, send } from '../leg.js';

const security = await readFile(projectFile('.github/SECURITY.md'), 'utf8');
const recommended = /^ *kube-api-proxy (--reject-resources=\S+)$/m.exec(security)?.[1] ?? '';

const pod = '/api/v1/namespaces/default/pods/web-0';
const byPath: readonly AttackRequest[] = [
  { target: `${pod}/exec?command=id` },
  { method: 'POST', target: `${pod}/exec?command=id` },
  { target: `${pod}/attach` },
];
/** kubectl's filter does not stop these. */
const otherWays: readonly AttackRequest[] = [
  { target: '/api/v1/nodes/node-0/proxy/exec/default/web-0/main?command=id' },
  { method: 'POST', target: '/api/v1/nodes/node-0/proxy/run/default/web-0/main?cmd=id' },
  { target: '/api/v1/nodes/node-0:10250/proxy/exec/default/web-0/main?command=id' },
  { target: '/api/v1/nodes/node-0/proxy/attach/default/web-0/main' },
  { method: 'PATCH', target: `${pod}/ephemeralcontainers` },
  { method: 'PUT', target: `${pod}/ephemeralcontainers` },
];

const upstream = await startStrictUpstream((_request, socket) => {
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});
const kubeconfig = await upstream.writeKubeconfig();
const start = (...flags: string[]) => startProxy([`--kubeconfig=${kubeconfig.path}`, ...flags]);
const [byDefault, readOnly, asRecommended] = await Promise.all([
  start(),
  start('--read-only', '--reject-paths='),
  start(recommended, '--reject-paths='),
]);
after(async () => {
  await Promise.all([byDefault, readOnly, asRecommended].map(proxy => proxy.stop('SIGKILL')));
  await upstream.stop();
});

const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];

for (const leg of legs) {
  describe(`commands in containers on the ${leg} leg`, () => {
    it('are stopped by the default filter at exec and attach, and at no other path', async () => {
      for (const request of byPath) {
        assert.equal((await send(byDefault.port, { leg, ...request })).code, 403, request.target);
      }
      for (const request of otherWays) {
        assert.equal((await send(byDefault.port, { leg, ...request })).code, 200, request.target);
      }
    });

    for (const [name, proxy] of [
      ['--read-only', readOnly],
      ['the line of SECURITY.md', asRecommended],
    ] as const) {
      it(`are all stopped by ${name}`, async () => {
        const before = upstream.requests.length;
        for (const request of [...byPath, ...otherWays]) {
          assert.equal((await send(proxy.port, { leg, ...request })).code, 403, request.target);
        }
        assert.equal(upstream.requests.length, before);
      });
    }
  });
}
