import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { anyApiServer } from '../../support/any-api-server.js';
import { projectFile } from '../../support/project.js';
import { startStack } from '../../support/proxy/stack.js';
import { assertStatus, type Leg, requestsReaching, send } from '../leg.js';

const www = projectFile('test/fixtures');

const server = await anyApiServer({ after });
const start = (...flags: string[]) => startStack({ after }, { server, flags });
const [standard, custom, named] = await Promise.all([
  start(`--www=${www}`),
  start('--api-prefix=custom'),
  start('--accept-hosts=^gw\\.example$,^$'),
]);
const proxies = { standard, custom, named };

const { reached, refused } = requestsReaching(() => server);

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
        '/static/server-texts.json',
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

    it('is rejected if it is only similar to an accepted one', async () => {
      for (const host of [
        '127.0.0.1.evil.example',
        'localhost.evil.example',
        'xlocalhost',
        '127.0.0.1.nip.io',
        '0.0.0.0',
        '127.1',
        '[::ffff:127.0.0.1]',
        '%6cocalhost',
        'localhost\xe2\x80\xa4',
        '',
      ]) {
        await refused(
          proxies.standard,
          403,
          { leg, target: '/version', host: [`Host: ${host}`] },
          /--accept-hosts/,
        );
      }
    });

    it('is rejected as malformed if it is not one host', async () => {
      for (const host of [
        'evil@127.0.0.1',
        '127.0.0.1@evil.example',
        '127.0.0.1,evil.example',
        'evil.example, localhost',
        'localhost evil.example',
        'localhost/evil.example',
        'localhost\\evil.example',
        'localhost#evil.example',
        'localhost:80:80',
        '[::1',
        '::1',
      ]) {
        await refused(proxies.standard, 400, { leg, target: '/version', host: [`Host: ${host}`] }, /Host/);
      }
    });

    it('is rejected if there are two, in either order', async () => {
      for (const host of [
        ['Host: 127.0.0.1', 'Host: evil.example'],
        ['Host: evil.example', 'host: 127.0.0.1'],
        ['HOST: 127.0.0.1', 'Host: 127.0.0.1'],
      ]) {
        await refused(proxies.standard, 400, { leg, target: '/version', host }, /more than one Host/);
      }
    });

    it('is not replaced by another header', async () => {
      for (const name of ['X-Forwarded-Host', 'X-Host', 'X-Forwarded-Server', 'Forwarded']) {
        const host = ['Host: evil.example', `${name}: 127.0.0.1`];
        await refused(proxies.standard, 403, { leg, target: '/version', host }, /--accept-hosts/);
      }
    });

    it('is rejected if it is missing, with a Status', async () => {
      await refused(
        proxies.standard,
        403,
        { leg, target: '/version', host: [], version: '1.0' },
        /--accept-hosts/,
      );
      const answer = await send(proxies.standard.port, { leg, target: '/version', host: [] });
      assertStatus(answer, answer.code === 403 ? 403 : 400, 'HTTP/1.1 without Host');
      assert.deepEqual(await reached(), []);
    });

    it('makes an HTTP/1.1 request invalid if it is missing, even if a rule accepts an empty one', async () => {
      const answer = await send(proxies.named.port, { leg, target: '/version', host: [] });
      assert.equal(answer.code, 400);
      assert.deepEqual(await reached(), []);
    });

    it('is accepted by a rule for it', async () => {
      await refused(proxies.named, 403, { leg, target: '/version' }, /"127\.0\.0\.1".*--accept-hosts/);
      const host = ['Host: GW.example:80'];
      assert.equal((await send(proxies.named.port, { leg, target: '/version', host })).code, 200);
    });
  });
}
