import assert from 'node:assert/strict';
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { collectText } from '../../support/collected-text.js';
import { eventually, within } from '../../support/eventually.js';
import { makeFifo } from '../../support/fifo.js';
import { program } from '../../support/project.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** The writing end of a pipe that nobody reads. A write to it blocks when the pipe is full. */
function openPipe(t: TestContext): number {
  const pipe = openSync(makeFifo(), 'r+');
  t.after(() => closeSync(pipe));
  return pipe;
}

/** Starts the program. It rejects all requests for an API server, and logs them. */
function start(t: TestContext, flags: readonly string[], stdio: SpawnOptions['stdio']) {
  const always = [
    '--server=http://127.0.0.1:1',
    '--log-requests=all',
    '--reject-paths=^/x',
    '--shutdown-grace=3s',
  ];
  const child = spawn(process.execPath, [program, ...always, ...flags], { stdio: stdio as 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  return {
    ...{ stdout: collectText(child.stdout) },
    async stop() {
      child.kill('SIGTERM');
      assert.deepEqual(await within('the end of the program', exited), [0, null]);
    },
  };
}

/** The path of a request whose log line has 2,366 bytes: a line has 2,048 of a path. */
const longPath = `/x${'y'.repeat(2_100)}`;

test('a program whose log nobody reads serves, counts the lines that no longer fit into 16 MB, and ends by SIGTERM in its grace', async t => {
  const { stdout, stop } = start(t, ['--port=0'], ['ignore', 'pipe', openPipe(t)]);
  await eventually('the program serves', () => stdout().endsWith('\n'));
  const port = Number(/:(\d+)\n$/.exec(stdout())?.[1]);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
  t.after(() => agent.destroy());
  const requests = Array.from({ length: 7_400 }, () => send(port, longPath, { agent }));
  for (const { status } of await Promise.all(requests)) assert.equal(status, 403);
  // 7,091 lines fit into 16 MB; some more are in the pipe, and in the batch that is not full.
  await eventually('the count', async () => {
    const { text } = await send(port, '/-/metrics');
    const dropped = Number(/^kube_api_proxy_log_dropped_lines_total (\d+)$/m.exec(text)?.[1]);
    return dropped > 200 && dropped <= 309;
  });
  await stop();
});

test('a program ends in its grace if nobody reads its audit log on standard output, nor its log', async t => {
  const socketPath = join(temporaryFolder(), 'socket');
  const flags = ['--audit-log-path=-', '--log-format=json', `--unix-socket=${socketPath}`];
  const { stop } = start(t, flags, ['ignore', openPipe(t), openPipe(t)]);
  const get = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      http
        .get({ socketPath, path, agent: false }, answer => resolve(answer.resume().statusCode))
        .once('error', reject);
    });
  await eventually('the program serves', async () => (await get('/-/livez')) === 200);
  for (let sent = 0; sent < 100; sent++) assert.equal(await get(longPath), 403);
  await stop();
});
