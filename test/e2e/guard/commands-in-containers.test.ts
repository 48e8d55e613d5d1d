import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { type Leg, send } from '../leg.js';
import { byPath, otherWays } from './command-requests.js';

const upstream = await startStrictUpstream((_request, socket) => {
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});
const kubeconfig = await upstream.writeKubeconfig();
const start = (...flags: string[]) =>
  startInProcess({ after }, [`--kubeconfig=${kubeconfig.path}`, ...flags]);
const [byDefault, readOnly] = await Promise.all([start(), start('--read-only', '--reject-paths=')]);
after(() => upstream.stop());

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

    it('are all stopped by --read-only', async () => {
      const before = upstream.requests.length;
      for (const request of [...byPath, ...otherWays]) {
        assert.equal((await send(readOnly.port, { leg, ...request })).code, 403, request.target);
      }
      assert.equal(upstream.requests.length, before);
    });
  });
}
