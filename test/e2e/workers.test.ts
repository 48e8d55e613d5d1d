import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { startFakeApiServer } from '../support/fake-api-server.js';
import { send } from '../support/http-client.js';
import { startUpProblems } from '../support/in-process.js';
import { runProgram, startProxy } from '../support/proxy.js';
import { connectRaw, type RawConnection } from '../support/raw-http.js';
import { sample } from './credential-probe.js';
import { childrenOf, sendMany, servedBy, start, workersOf } from './worker-probe.js';

describe('workers', { concurrency: 3 }, () => {
  test('one worker is one process, without children and without a mention of workers in its log', async t => {
    const { proxy } = await start(t, ['--workers=1']);
    await sendMany(proxy.port, 3, '/version');
    assert.deepEqual(childrenOf(proxy.pid), []);
    const requests = () => proxy.log().filter(({ requestId }) => requestId !== undefined);
    await eventually('the lines', () => requests().length === 3);
    assert.doesNotMatch(proxy.stderr(), /worker/);
    assert.equal(await sample(proxy, 'kube_api_proxy_workers'), 1);
    assert.equal(await sample(proxy, 'kube_api_proxy_worker_restarts_total'), 0);
  });

  test('--workers=0 means one worker for each core', async t => {
    const { proxy } = await start(t, ['--workers=0']);
    const size = availableParallelism();
    assert.equal(childrenOf(proxy.pid).length, size === 1 ? 0 : size);
    assert.equal(await sample(proxy, 'kube_api_proxy_workers'), size);
  });

  for (const value of ['-1', 'many', '1.5', '']) {
    test(`--workers=${JSON.stringify(value)} is rejected by name and value`, async () => {
      assert.deepEqual(await startUpProblems([`--workers=${value}`, '--server=http://127.0.0.1:1']), [
        `--workers: ${JSON.stringify(value)} is not a whole number (0 to 9999)`,
      ]);
    });
  }

  test('every worker serves on the one selected port, which is logged once, and applies the same rules', async t => {
    const { proxy, server } = await start(t, [
      ...['--workers=3', '--port=0'],
      ...['--read-only', '--reject-resources=secrets'],
    ]);
    await sendMany(proxy.port, 12, '/version');
    await eventually('each of them', () => servedBy(proxy, '/version').size === 3);
    assert.equal(proxy.stdout(), `Starting to serve on 127.0.0.1:${proxy.port}\n`);
    assert.deepEqual([...workersOf(proxy).values()].sort(), childrenOf(proxy.pid).sort());

    const secrets = '/api/v1/namespaces/default/secrets';
    const pods = '/api/v1/namespaces/default/pods';
    await eventually('refusals by each of them', async () => {
      assert.equal((await send(proxy.port, secrets)).status, 403);
      assert.equal((await send(proxy.port, pods, { method: 'POST', body: '{}' })).status, 403);
      return servedBy(proxy, secrets).size === 3 && servedBy(proxy, pods).size === 3;
    });
    assert.ok(!server.requests.some(({ rawUrl }) => rawUrl === secrets || rawUrl === pods));
    const { text } = await send(proxy.port, '/-/metrics');
    const samples = [...text.matchAll(/^kube_api_proxy_rejected_requests_total\{.*\} (\d+)$/gm)];
    const counted = samples.reduce((sum, [, value]) => sum + Number(value), 0);
    const lines = () => proxy.log().filter(({ path }) => path === secrets || path === pods);
    await eventually('a line for each that was counted', () => lines().length === counted);
  });

  test('connections that stay open are spread over the workers', async t => {
    const proxied = await start(t, ['--workers=2']);
    const connections: RawConnection[] = [];
    t.after(() => {
      for (const connection of connections) connection.destroy();
    });
    // Short connections between the ones that stay must not make all of those go to the same worker. A worker that is slow at
    // the moment gets fewer.
    for (let count = 0; count < 10; count += 1) {
      const connection = await connectRaw(proxied.proxy.port);
      connections.push(connection);
      connection.write('GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await connection.until(/\r\n\r\n/);
      await send(proxied.proxy.port, '/version');
    }
    const byWorker = () => {
      const open = proxied.proxy.log().filter(({ msg }) => msg === 'request open');
      return [1, 2].map(number => open.filter(({ worker }) => worker === number).length);
    };
    await eventually('ten lines', () => byWorker().reduce((sum, count) => sum + count) === 10);
    assert.ok(Math.min(...byWorker()) >= 2, byWorker().join(' and '));
  });

  test('workers serve on a Unix socket that only its owner can use; they replace a stale one and remove theirs when they exit', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'workers-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'socket');
    const first = await start(t, ['--workers=2', '--unix-socket', path]);
    await first.proxy.stop('SIGKILL');
    assert.ok((await stat(path)).isSocket(), 'a killed program leaves its socket behind');
    const { proxy } = await start(t, ['--workers=2', '--unix-socket', path]);
    assert.equal(proxy.stdout(), `Starting to serve on ${path}\n`);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    for (let sent = 0; sent < 6; sent += 1) {
      const request = http.get({
        socketPath: path,
        path: '/version',
        headers: { Host: 'localhost' },
        agent: false,
      });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.resume();
      await once(response, 'end');
      assert.equal(response.statusCode, 200);
    }
    await eventually('both', () => servedBy(proxy, '/version').size === 2);
    assert.equal((await proxy.stop()).code, 0);
    await assert.rejects(stat(path));
  });

  test('start-up problems are reported once, with any number of workers', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'workers-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const config = join(folder, 'config');
    await writeFile(config, 'clusters: 3');
    const broken = await runProgram([
      '--workers=3',
      '--port=0',
      '--kubeconfig',
      config,
      '--www',
      `${folder}/no`,
    ]);
    assert.equal(broken.code, 1);
    assert.equal(broken.stdout, '');
    assert.equal(broken.stderr.split('\n').length, 3, broken.stderr);
    assert.match(broken.stderr, /^kube-api-proxy: .*config/);
    assert.match(broken.stderr, /\nkube-api-proxy: --www: /);

    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    const inUse = await runProgram(['--workers=3', `--port=${port}`, '--server=http://127.0.0.1:1']);
    assert.equal(inUse.code, 1);
    assert.equal(inUse.stderr, `kube-api-proxy: --port: ${port} is already in use on 127.0.0.1\n`);
  });

  test('workers that cannot start end the program with one problem, and without a loop', async () => {
    // This acts like a machine without memory for them.
    const { code, stdout, stderr } = await runProgram(
      ['--workers=3', '--port=0', '--server=http://127.0.0.1:1'],
      {
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent('if (process.send) process.exit(9)')}`,
      },
    );
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^kube-api-proxy: --workers: worker \d ended with code 9 before it could serve\n$/);
  });

  test('the command line and the environment of workers contain no secret of the primary', async t => {
    const server = await startFakeApiServer({ clientCertificates: 'optional' });
    t.after(() => server.kill());
    for (const [args, env] of [
      [['--token=secret-of-the-flag'], {}],
      [[], { KUBE_API_PROXY_TOKEN: 'secret-of-the-environment' }],
    ] as const) {
      const running = await startProxy(
        ['--workers=2', `--server=${server.url}`, '--insecure-skip-tls-verify', ...args],
        env,
      );
      t.after(() => running.stop('SIGKILL'));
      await send(running.port, '/version');
      assert.match(server.requests.at(-1)?.headers['authorization']?.toString() ?? '', /^Bearer secret-/);
      const pids = childrenOf(running.pid);
      assert.equal(pids.length, 2);
      for (const pid of pids) {
        const texts = ['cmdline', 'environ'].map(file => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
        assert.doesNotMatch(texts.join('\n'), /secret/);
      }
    }
  });
});
