import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { projectFile } from '../../support/project.js';
import { startStack } from '../../support/proxy/stack.js';
import { assertStatus, send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const www = projectFile('test/fixtures');

const server = await embeddedApiServer({ after });
const [standard, named] = await Promise.all([
  startStack({ after }, { server, flags: [`--www=${www}`] }),
  startStack({ after }, { server, flags: ['--accept-hosts=^gw\\.example$,^$'] }),
]);
const proxies = { standard, named };

const { reached, refused } = requestsReaching(() => server);

// test/guard/host.test.ts has all spellings.
for (const leg of ['plain', 'websocket', 'spdy'] as const) {
  describe(`the Host header on the ${leg} leg`, () => {
    it('is accepted with the three names of this machine, and by a rule for it', async () => {
      for (const [{ port }, host] of [
        ...['127.0.0.1:8001', 'LOCALHOST:1', '[::1]'].map(name => [proxies.standard, name] as const),
        [proxies.named, 'GW.example:80'] as const,
      ])
        assert.equal(
          (await send(port, { leg, target: '/version', host: [`Host: ${host}`] })).code,
          200,
          host,
        );
      assert.equal((await reached()).length, 4);
    });

    it('rejects a web page whose name was pointed here, for the API, the own endpoints and the files', async () => {
      const host = ['Host: evil.example:8001'];
      for (const target of [
        ...['/version', '/', '/-/metrics', '/-/livez', '/-/readyz?verbose', '/-/none', '/static/'],
        ...['/static/resources.txt', '/static'],
      ]) {
        const answer = await send(proxies.standard.port, { leg, target, host });
        assert.match(assertStatus(answer, 403, target), /"evil\.example:8001".*--accept-hosts/);
      }
      // Even if its path is malformed.
      for (const target of ['/-/%zz', '/static/%zz', '/static/%', '/-/%c0%af', '/static/%ff']) {
        const answer = await send(proxies.standard.port, { leg, target, host });
        assertStatus(answer, answer.code === 403 ? 403 : 400, target);
      }
      assert.deepEqual(await reached(), []);
    });

    it('is rejected if it is missing, with a Status, even if a rule accepts an empty one', async () => {
      const none = { leg, target: '/version', host: [] };
      await refused(proxies.standard, 403, { ...none, version: '1.0' }, /--accept-hosts/);
      for (const proxy of [proxies.standard, proxies.named]) await refused(proxy, 400, none, /./);
    });
  });
}
