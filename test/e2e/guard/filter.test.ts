import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
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
import { assertStatus, send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const serverPath = '/k8s/clusters/c1';

const server = await embeddedApiServer({ after });
const { proxy: standard, kubeconfig } = await startStack({ after }, { server });
const belowPath = await writeAdminKubeconfig(server, { server: server.url + serverPath });
const start = (file: string, ...args: string[]) =>
  startInProcess({ after }, [`--kubeconfig=${file}`, ...args]);
const [below, appending, custom, api, unfiltered, strict] = await Promise.all([
  start(belowPath.path),
  start(belowPath.path, '--append-server-path'),
  start(kubeconfig, '--api-prefix=custom'),
  start(kubeconfig, '--api-prefix=/api/'),
  start(kubeconfig, '--disable-filter'),
  start(
    kubeconfig,
    '--accept-paths=^/version$,^/api/v1/namespaces/default/',
    '--reject-paths=^/api/v1/namespaces/[^/]+/secrets$',
    '--reject-methods=^(POST|PUT|PATCH|DELETE)$',
  ),
]);
const proxies = { standard, below, appending, custom, api, unfiltered, strict };

const { reached, refused } = requestsReaching(() => server);

for (const leg of ['plain', 'websocket'] as const) {
  describe(`a request for exec on the ${leg} leg`, () => {
    it('is rejected in every spelling that a server could read as exec', async () => {
      for (const target of refusedSpellings)
        await refused(proxies.standard, 403, { leg, target }, /--reject-paths/);
    });

    it('is rejected with every method, even if its headers name another one', async () => {
      const headers = [
        ...['X-HTTP-Method-Override: DELETE', 'X-Original-URL: /version', 'X-Rewrite-URL: /version'],
        ...['X-Forwarded-Uri: /version', 'X-Forwarded-Prefix: /version'],
      ];
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'])
        await refused(proxies.standard, 403, { leg, method, target: execPath, headers }, /--reject-paths/);
    });

    it('is rejected in every ambiguous spelling, even without a filter', async () => {
      for (const target of ambiguousSpellings) await refused(proxies.standard, 400, { leg, target }, /./);
      for (const target of ambiguousSpellings.slice(0, 5))
        await refused(proxies.unfiltered, 400, { leg, target }, /./);
    });

    it('is rejected with a query that newer API servers drop, as every request is, even without a filter', async () => {
      const target = `/api/v1/pods?${'a&'.repeat(10_000)}watch=1`;
      for (const proxy of [proxies.standard, proxies.unfiltered]) {
        for (const path of [target, `/?${'&'.repeat(10_000)}`, `/-/healthz?${'&'.repeat(100_000)}`]) {
          await refused(
            proxy,
            400,
            { leg, target: path },
            /more than 10000 parameters.* more than one reading/,
          );
        }
      }
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

    it('is rejected below the path of the API server, in every spelling of that path too', async () => {
      const prefixes = [serverPath, `/${serverPath}`, '/k8s//clusters/c1', '/k8s%2fclusters%2fc1'];
      const targets = [
        ...refusedSpellings.flatMap(target => [target, serverPath + target]),
        ...[...prefixes, '/%6b8s/clusters/c1/'].flatMap(prefix =>
          [execPath, `/${execPath}`, execPath.replace('exec', '%65xec/')].map(target => prefix + target),
        ),
      ];
      for (const target of targets) await refused(proxies.below, 403, { leg, target }, /--reject-paths/);
    });

    it("is rejected if the API server's path is put before it, and below an API prefix", async () => {
      for (const target of refusedSpellings.slice(0, 20)) {
        await refused(proxies.appending, 403, { leg, target }, /--reject-paths/);
        await refused(proxies.custom, 403, { leg, target: `/custom${target}` }, /--reject-paths/);
      }
      await refused(proxies.appending, 400, { leg, target: `/..${execPath}` }, /reading/);
      for (const target of [`${execPath}\\`, `/./${execPath}`, `${execPath}%00`])
        await refused(proxies.custom, 400, { leg, target: `/custom${target}` }, /./);
    });

    it('is not passed on outside an API prefix, or if the prefix is spelled differently', async () => {
      for (const target of [
        ...[execPath, '/', '/version', '/customs/version', '/CUSTOM/version', '/%63ustom/version'],
        '//custom/version',
      ]) {
        await refused(proxies.custom, 404, { leg, target }, /not served/);
      }
      for (const target of ['/', '/version', '/apis', '//api/v1/pods', '/%61pi/v1/pods', '/api%2fv1']) {
        await refused(proxies.api, 404, { leg, target }, /not served/);
      }
      for (const target of ['/x/../custom/version', '/custom/../version']) {
        await refused(proxies.custom, 400, { leg, target }, /reading/);
      }
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

  it(`a path or method rule judges every spelling on the ${leg} leg, the proxy's own paths too`, async () => {
    const inDefault = (name: string) => `/api/v1/namespaces/default/${name}`;
    for (const [code, message, targets] of [
      [403, /--accept-paths/, ['/', '/version/x', '/version%2fx', '//versions', inDefault('').slice(0, -1)]],
      [403, /--accept-paths/, ['/api/v1/namespaces/kube-system/pods', '/api/v1/namespaces/default%2d2/pods']],
      [403, /--accept-paths/, ['/apis?/api/v1/namespaces/default/', '/apis%3f/version']],
      [400, /reading/, [inDefault('../kube-system/pods'), '/api/v1/namespaces/default%2f%2e%2e%2fx']],
      [403, /--reject-paths/, ['secrets', 'secrets/', '%73ecrets', '/secrets', 'secrets%2f'].map(inDefault)],
      [404, /not served/, ['/-/api', '/-/%61pi', '/-/ap%69?x', '/-/api/v1/pods', '/-/%6eone', '/-//']],
      [400, /reading/, ['/-/../version', '/-/%2e%2e/api', '/-/\\..\\api', '/-/api#x']],
    ] as const) {
      for (const target of targets) await refused(proxies.strict, code, { leg, target }, message);
    }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const headers = ['X-HTTP-Method-Override: GET', 'X-HTTP-Method: GET', 'X-Method-Override: GET'];
      await refused(proxies.strict, 403, { leg, method, target: '/version', headers }, /--reject-methods/);
    }
    await send(proxies.strict.port, {
      ...{ leg, target: '/version', headers: ['X-HTTP-Method-Override: DELETE'] },
    });
    assert.deepEqual(await reached(), ['GET /version']);
  });
}

describe('CONNECT', () => {
  it('is answered with a Status 405 for any target, with and without a filter', async () => {
    for (const proxy of [proxies.standard, proxies.unfiltered]) {
      for (const target of ['127.0.0.1:6443', '127.0.0.1', execPath, '*', 'http://127.0.0.1/version']) {
        const rest = 'GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
        const answer = await send(proxy.port, { method: 'CONNECT', target, rest });
        assert.ok([400, 405].includes(answer.code), target);
        assertStatus(answer, answer.code, target);
      }
    }
    assert.deepEqual(await reached(), []);
  });
});

describe('the log', () => {
  it('does not contain text before an @ in a request target or in a query', async () => {
    await send(proxies.standard.port, { target: `http://someone:hunter2@127.0.0.1${execPath}` });
    await send(proxies.standard.port, { target: '/version?token=hunter2' });
    await send(proxies.standard.port, { target: `${execPath}?token=hunter2` });
    await send(proxies.standard.port, { target: '/after-those' });
    await eventually('the line of the last one', () => proxies.standard.stderr().includes('/after-those'));
    assert.ok(!proxies.standard.stderr().includes('hunter2'), 'the log holds hunter2');
  });
});
