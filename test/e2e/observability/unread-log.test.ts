import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { collectText } from '../../support/collected-text.js';
import { eventually, within } from '../../support/eventually.js';
import { makeFifo } from '../../support/fifo.js';
import { program } from '../../support/project.js';

test('a program whose log nobody reads serves, counts the lines that no longer fit into 16 MB, and ends by SIGTERM in its grace', async t => {
  // A write to it blocks when the pipe is full.
  const pipe = openSync(makeFifo(), 'r+');
  t.after(() => closeSync(pipe));
  const flags = ['--log-requests=all', '--reject-paths=^/x', '--shutdown-grace=3s', '--port=0'];
  const child = spawn(process.execPath, [program, '--server=http://127.0.0.1:1', ...flags], {
    stdio: ['ignore', 'pipe', pipe],
  });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const stdout = collectText(child.stdout);
  await eventually('the program serves', () => stdout().endsWith('\n'));
  const port = Number(/:(\d+)\n$/.exec(stdout())?.[1]);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
  t.after(() => agent.destroy());
  // A line has 2,048 bytes of a path, and more than 318 besides.
  const requests = Array.from({ length: 7_400 }, () => send(port, `/x${'y'.repeat(2_100)}`, { agent }));
  for (const { status } of await Promise.all(requests)) assert.equal(status, 403);
  // Fewer than 7,091 of them fit into 16 MB; some more are in the pipe, and in the batch that is not full.
  await eventually('the count', async () => {
    const { text } = await send(port, '/-/metrics');
    const dropped = Number(/^kube_api_proxy_log_dropped_lines_total (\d+)$/m.exec(text)?.[1]);
    return dropped > 200 && dropped < 3_000;
  });
  child.kill('SIGTERM');
  assert.deepEqual(await within('the end of the program', exited), [0, null]);
});
