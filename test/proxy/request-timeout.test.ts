import assert from 'node:assert/strict';
import http, { type ServerResponse } from 'node:http';
import { after, it } from 'node:test';
import { connectRaw } from '../support/clients/raw-http.js';
import { listenFor } from '../support/ports.js';
import { startProxyApp } from './proxy-app.js';

it('the timeout of a request ends one that is not answered, cuts an answer that has begun, and ends no watch', async t => {
  let watched: ServerResponse | undefined;
  const upstream = http.createServer(({ url }, response) => {
    if (url?.includes('half')) response.write('half');
    if (!url?.includes('watch')) return;
    watched = response;
    response.flushHeaders();
  });
  const upstreamPort = await listenFor({ after }, upstream);
  const app = await startProxyApp({ upstreamPort, patience: 600_000, requestTimeout: 100 });
  const [watch, list, half] = await Promise.all([
    connectRaw(app.port),
    connectRaw(app.port),
    connectRaw(app.port),
  ]);
  t.after(async () => {
    for (const client of [watch, list, half]) client.destroy();
    await app.close();
  });
  watch.write('GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n');
  await watch.until(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/);
  // It began after the watch.
  list.write('GET /api/v1/pods HTTP/1.1\r\nHost: x\r\n\r\n');
  await list.until(/^HTTP\/1\.1 504 [\s\S]*did not answer within --request-timeout/);
  half.write('GET /half HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match(await half.untilClosed(), /\r\n4\r\nhalf\r\n$/);
  watched?.write('event');
  await watch.until(/event\r\n$/);
  assert.deepEqual([...app.open], ['/api/v1/pods?watch=1']);
});
