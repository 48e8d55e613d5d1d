import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { anyApiServer } from '../../support/any-api-server.js';
import { projectFile } from '../../support/project.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStack } from '../../support/proxy/stack.js';
import { assertStatus, type Leg, send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const www = projectFile('test/fixtures');

const server = await anyApiServer({ after });
const [standard, custom, named] = await Promise.all([
  startStack({ after }, { server, flags: [`--www=${www}`] }),
  startStack({ after }, { run: startInProcess, server, flags: ['--api-prefix=custom'] }),
  startStack({ after }, { run: startInProcess, server, flags: ['--accept-hosts=^gw\\.example$,^$'] }),
]);
const proxies = { standard, custom, named };

const { reached, refused } = requestsReaching(() => server);

/** The code and the message of a rejection, and the values that get it, or the lines in place of one. */
const rejected: readonly (readonly [number, RegExp, readonly (string | readonly string[])[]])[] = [
  [
    403,
    /--accept-hosts/,
    [
      ...['127.0.0.1.evil.example', 'localhost.evil.example', 'xlocalhost', '127.0.0.1.nip.io', '0.0.0.0'],
      ...['127.1', '[::ffff:127.0.0.1]', '%6cocalhost', 'localhost\xe2\x80\xa4', ''],
      // No other field replaces it.
      ...['X-Forwarded-Host', 'X-Host', 'X-Forwarded-Server', 'Forwarded'].map(name => [
        ...['Host: evil.example', `${name}: 127.0.0.1`],
      ]),
    ],
  ],
  [
    400,
    /Host/,
    [
      ...['evil@127.0.0.1', '127.0.0.1@evil.example', '127.0.0.1,evil.example', 'evil.example, localhost'],
      ...['localhost evil.example', 'localhost/evil.example', 'localhost\\evil.example'],
      ...['localhost#evil.example', 'localhost:80:80', '[::1', '::1'],
    ],
  ],
  [
    400,
    /more than one Host/,
    [
      ['Host: 127.0.0.1', 'Host: evil.example'],
      ['Host: evil.example', 'host: 127.0.0.1'],
      ['HOST: 127.0.0.1', 'Host: 127.0.0.1'],
    ],
  ],
];

const eachLeg: readonly Leg[] = ['plain', 'websocket', 'spdy'];

for (const leg of eachLeg) {
  describe(`the Host header on the ${leg} leg`, () => {
    it('is accepted with the three names of this machine', async () => {
      for (const host of [
        '127.0.0.1',
        '127.0.0.1:8001',
        'localhost',
        'LOCALHOST:1',
        'localhost.:8001',
        '[::1]',
        '[::1]:8001',
      ]) {
        const { code } = await send(proxies.standard.port, {
          leg,
          target: '/version',
          host: [`Host: ${host}`],
        });
        assert.equal(code, 200, host);
      }
      assert.equal((await reached()).length, 7);
    });

    it('rejects a web page whose name was pointed here, for the API, the own endpoints and the files', async () => {
      for (const target of [
        '/version',
        '/',
        '/-/metrics',
        '/-/livez',
        '/-/readyz?verbose',
        '/-/none',
        '/static/',
        '/static/resources.txt',
        '/static',
      ]) {
        const host = ['Host: evil.example:8001'];
        const message = await send(proxies.standard.port, { leg, target, host });
        assert.match(assertStatus(message, 403, target), /"evil\.example:8001".*--accept-hosts/);
      }
      await refused(
        proxies.custom,
        403,
        { leg, target: '/nowhere', host: ['Host: evil.example'] },
        /--accept-hosts/,
      );
    });

    it('rejects it even if its path is malformed', async () => {
      for (const target of ['/-/%zz', '/static/%zz', '/static/%', '/-/%c0%af', '/static/%ff']) {
        const answer = await send(proxies.standard.port, { leg, target, host: ['Host: evil.example:8001'] });
        assertStatus(answer, answer.code === 403 ? 403 : 400, target);
      }
      assert.deepEqual(await reached(), []);
    });

    it('is rejected if it is only similar to an accepted one, is not one host, or is not the only one', async () => {
      for (const [code, message, hosts] of rejected) {
        for (const host of hosts) {
          const lines = (typeof host === 'string' ? [host] : host).map(line =>
            /^(x-|forwarded|host:)/i.test(line) ? line : `Host: ${line}`,
          );
          await refused(proxies.standard, code, { leg, target: '/version', host: lines }, message);
        }
      }
    });

    it('is rejected if it is missing, with a Status', async () => {
      await refused(
        proxies.standard,
        403,
        { leg, target: '/version', host: [], version: '1.0' },
        /--accept-hosts/,
      );
      // Even if a rule accepts an empty one.
      for (const proxy of [proxies.standard, proxies.named])
        await refused(proxy, 400, { leg, target: '/version', host: [] }, /./);
    });

    it('is accepted by a rule for it', async () => {
      await refused(proxies.named, 403, { leg, target: '/version' }, /"127\.0\.0\.1".*--accept-hosts/);
      const host = ['Host: GW.example:80'];
      assert.equal((await send(proxies.named.port, { leg, target: '/version', host })).code, 200);
    });
  });
}
