import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { open } from '../../support/clients/http-client.js';
import { residentBytes } from '../../support/proxy/process-state.js';
import { startStack } from '../../support/proxy/stack.js';
import { steady } from '../../support/steady.js';

const megabyte = 1e6;
const { server, proxy, port } = await startStack({ after });

test('six slow readers of 40 MB each take little memory, and get all of it later', async () => {
  const size = 40 * megabyte;
  const block = Buffer.alloc(megabyte, 'payload ');
  // Half of them are watches.
  const paths = Array.from({ length: 6 }, (_, index) =>
    index % 2 === 0 ? `/api/v1/events?watch=1&big=${index}` : `/api/v1/events?big=${index}`,
  );
  let produced = 0;
  const stop = server.intercept((request, response) => {
    if (!paths.includes(request.url ?? '')) return false;
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    let left = size / block.length;
    const fill = () => {
      while (left > 0) {
        left -= 1;
        produced += block.length;
        if (!response.write(block)) {
          response.once('drain', fill);
          return;
        }
      }
      response.end();
    };
    fill();
    return true;
  });
  const before = residentBytes(proxy.pid);
  const grown = () => Math.round((residentBytes(proxy.pid) - before) / megabyte);
  const responses = await Promise.all(paths.map(path => open(port, path)));
  await steady(() => produced);
  const most = grown();
  assert.ok(produced < 120 * megabyte, `the API server is held back too, not ${produced} bytes ahead`);
  assert.ok(most < 100, `resident memory grew by ${most} MB`);
  const lengths = await Promise.all(
    responses.map(async response => {
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      await once(response, 'end');
      return length;
    }),
  );
  assert.deepEqual(
    lengths,
    paths.map(() => size),
  );
  // 240 MB have passed. Part of them is garbage that has not been collected, more with each release of Node.
  assert.ok(grown() < 200, `resident memory grew by ${grown()} MB`);
  stop();
});
