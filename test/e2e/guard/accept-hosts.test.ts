import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { projectFile } from '../../support/project.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStack } from '../../support/proxy/stack.js';
import { assertStatus, send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const www = projectFile('test/fixtures');

const server = await embeddedApiServer({ after });
const [standard, custom, named] = await Promise.all([
  startStack({ after }, { run: startInProcess, server, flags: [`--www=${www}`] }),
  startStack({ after }, { run: startInProcess, server, flags: ['--api-prefix=custom'] }),
  startStack({ after }, { run: startInProcess, server, flags: ['--accept-hosts=^gw\\.example$,^$'] }),
]);
const proxies = { standard, custom, named };

const { reached, refused } = requestsReaching(() => server);

/** The code and the message of a rejection, and what gets it: values, or lines. test/guard/host.test.ts has all spellings. */
const rejected: readonly (readonly [number, RegExp, readonly (readonly string[])[]])[] = [
  [
    403,
    /--accept-hosts/,
    [
      ...['127.0.0.1.evil.example', 'xlocalhost', '[::ffff:127.0.0.1]', '%6cocalhost', ''].map(host => [
        host,
      ]),
      // No other field replaces it.
      ...['X-Forwarded-Host', 'X-Host', 'Forwarded'].map(name => ['evil.example', `${name}: 127.0.0.1`]),
    ],
  ],
  [400, /Host/, [['evil@127.0.0.1'], ['127.0.0.1,evil.example'], ['localhost evil.example'], ['::1']]],
  [
    400,
    /more than one Host/,
    [
      ['127.0.0.1', 'Host: evil.example'],
      ['evil.example', 'host: 127.0.0.1'],
      ['127.0.0.1', 'HOST: 127.0.0.1'],
    ],
  ],
];

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
      await refused(proxies.custom, 403, { leg, target: '/nowhere', host }, /--accept-hosts/);
      // Even if its path is malformed.
      for (const target of ['/-/%zz', '/static/%zz', '/static/%', '/-/%c0%af', '/static/%ff']) {
        const answer = await send(proxies.standard.port, { leg, target, host });
        assertStatus(answer, answer.code === 403 ? 403 : 400, target);
      }
      assert.deepEqual(await reached(), []);
    });

    it('is rejected if it is only similar to an accepted one, is not one host, or is not the only one', async () => {
      for (const [code, message, hosts] of rejected) {
        for (const [host, ...more] of hosts)
          await refused(
            proxies.standard,
            code,
            { leg, target: '/version', host: [`Host: ${host}`, ...more] },
            message,
          );
      }
      await refused(proxies.named, 403, { leg, target: '/version' }, /"127\.0\.0\.1".*--accept-hosts/);
    });

    it('is rejected if it is missing, with a Status, even if a rule accepts an empty one', async () => {
      const none = { leg, target: '/version', host: [] };
      await refused(proxies.standard, 403, { ...none, version: '1.0' }, /--accept-hosts/);
      for (const proxy of [proxies.standard, proxies.named]) await refused(proxy, 400, none, /./);
    });
  });
}
