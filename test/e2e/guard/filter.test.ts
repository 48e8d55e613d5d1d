import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { writeAdminKubeconfig } from '../../support/proxy/proxy.js';
import { startStack } from '../../support/proxy/stack.js';
import {
  ambiguousSpellings,
  execPath,
  harmlessSpellings,
  isExec,
  refusedSpellings,
} from '../exec-spellings.js';
import { send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const serverPath = '/k8s/clusters/c1';

const server = await embeddedApiServer({ after });
const { proxy: standard, kubeconfig } = await startStack({ after }, { server });
const belowPath = await writeAdminKubeconfig(server, { server: server.url + serverPath });
const start = (file: string, ...args: string[]) =>
  startInProcess({ after }, [`--kubeconfig=${file}`, ...args]);
const [below, appending, custom, every, unfiltered] = await Promise.all([
  start(belowPath.path),
  start(belowPath.path, '--append-server-path'),
  start(kubeconfig, '--api-prefix=custom'),
  start(kubeconfig, '--all-contexts', '--reject-paths=/exec,^/clusters/'),
  start(kubeconfig, '--disable-filter'),
]);
const proxies = { standard, below, appending, custom, every, unfiltered };

const { reached, refused } = requestsReaching(() => server);

for (const leg of ['plain', 'websocket'] as const) {
  describe(`a request for exec on the ${leg} leg`, () => {
    it('is rejected in every spelling that a server could read as exec', async () => {
      for (const target of refusedSpellings)
        await refused(proxies.standard, 403, { leg, target }, /--reject-paths/);
    });

    it('is rejected in every ambiguous spelling, even without a filter', async () => {
      for (const target of ambiguousSpellings) await refused(proxies.unfiltered, 400, { leg, target }, /./);
    });

    it('reaches the API server unchanged if the API server reads it as something else', async () => {
      for (const target of harmlessSpellings) {
        const { code } = await send(proxies.standard.port, { leg, target });
        assert.notEqual(code, 0, target);
      }
      assert.deepEqual(
        await reached(),
        harmlessSpellings.map(target => `GET ${target}`),
      );
      assert.deepEqual(
        (await reached()).filter(request => isExec(request.slice(4))),
        [],
      );
    });

    it('is not a request if its first line has bytes that HTTP does not allow', async () => {
      for (const target of [
        ...[`${execPath}\x00`, `/version\x00${execPath}`, `${execPath}\t`, `/version\r${execPath}`],
        ...[`/version ${execPath}`, `${execPath}\x7f`],
        execPath.slice(1),
        `?${execPath}`,
        `127.0.0.1:6443${execPath}`,
        '127.0.0.1:6443',
        '',
      ]) {
        await refused(proxies.standard, 400, { leg, target }, /./);
      }
    });

    it('is not a valid request if its method is in lower case or has other bytes next to it', async () => {
      for (const method of ['get', 'Get', 'gEt', 'GET\x00', 'GET\t', '\x00GET', 'GETX', 'G ET', '']) {
        await refused(proxies.standard, 400, { leg, method, target: execPath }, /not valid HTTP/);
      }
    });

    it("is rejected below the API server's path, behind it, below an API prefix, and below a context, whose mount no rule sees", async () => {
      for (const [proxy, target] of [
        [proxies.below, serverPath + execPath],
        [proxies.appending, execPath],
        [proxies.custom, `/custom${execPath}`],
        [proxies.every, `/clusters/test${execPath}`],
      ] as const)
        await refused(proxy, 403, { leg, target }, /--reject-paths/);
      await send(proxies.every.port, { leg, target: '/clusters/test/version' });
      assert.deepEqual(await reached(), ['GET /version']);
    });

    it('is accepted without a filter', async () => {
      await send(proxies.unfiltered.port, {
        leg,
        target: `${execPath}?command=id`,
        host: ['Host: evil.example'],
      });
      assert.deepEqual(await reached(), [`GET ${execPath}?command=id`]);
    });
  });
}
