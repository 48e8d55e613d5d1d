import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { eventually } from '../../support/eventually.js';
import { longPath, openPipe, startUnread } from '../../support/proxy/unread-output.js';

test('a program whose log nobody reads serves, counts the lines that no longer fit into 16 MB, and ends by SIGTERM in its grace', async t => {
  const { stdout, stop } = startUnread(t, ['--port=0'], ['ignore', 'pipe', openPipe(t)]);
  await eventually('the program serves', () => stdout().endsWith('\n'));
  const port = Number(/:(\d+)\n$/.exec(stdout())?.[1]);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
  t.after(() => agent.destroy());
  const requests = Array.from({ length: 7_400 }, () => send(port, longPath, { agent }));
  for (const { status } of await Promise.all(requests)) assert.equal(status, 403);
  // Fewer than 7,091 of them fit into 16 MB; some more are in the pipe, and in the batch that is not full.
  await eventually('the count', async () => {
    const { text } = await send(port, '/-/metrics');
    const dropped = Number(/^kube_api_proxy_log_dropped_lines_total (\d+)$/m.exec(text)?.[1]);
    return dropped > 200 && dropped < 3_000;
  });
  await stop();
});
