import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { send } from '../leg.js';
import { byPath, otherWays } from './command-requests.js';

const upstream = await startStrictUpstream((_request, socket) => {
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});
const kubeconfig = await upstream.writeKubeconfig();
const byDefault = await startInProcess({ after }, [`--kubeconfig=${kubeconfig.path}`]);
after(() => upstream.stop());

// test/guard/read-only.test.ts shows that --read-only stops all of them.
for (const leg of ['plain', 'websocket', 'spdy'] as const) {
  it(`commands in containers are stopped by the default filter at exec and attach, and at no other path, on the ${leg} leg`, async () => {
    for (const request of byPath) {
      assert.equal((await send(byDefault.port, { leg, ...request })).code, 403, request.target);
    }
    for (const request of otherWays) {
      assert.equal((await send(byDefault.port, { leg, ...request })).code, 200, request.target);
    }
  });
}
