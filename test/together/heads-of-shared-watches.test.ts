import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { chunk, chunked, clientsOf, padding } from '../e2e/large-head-clients.js';
import { parseAnswer } from '../e2e/leg.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { ask } from '../support/clients/http2-client.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startStrictUpstream } from '../support/upstreams/strict-upstream.js';

const watch = '/api/v1/pods?watch=true&resourceVersion=5&allowWatchBookmarks=true';

let answer: string;

const upstream = await startStrictUpstream(({ target }, socket) => {
  socket.write(target.startsWith('/api/v1/namespaces') ? `${chunked}\r\n${chunk}` : answer, 'latin1');
});
after(() => upstream.stop());
const { path } = await upstream.writeKubeconfig();
const files = await createServingFiles();
const secure = await startInProcess({ after }, [
  ...[`--kubeconfig=${path}`, '--share-watches', '--reject-paths=', '--log-requests=none', ...files.flags],
]);
const { overHttp1, connect } = clientsOf(() => ({ port: secure.port, ca: files.authority.certificate }));

for (const [what, limit, told] of [
  ['what clients with nghttp2 take', 128 * 1024, undefined],
  ['the SETTINGS_MAX_HEADER_LIST_SIZE of the client', 50_000, 50_000],
] as const) {
  it(`a head that is too large for the HTTP/2 connection of one client of a shared watch is a 502 for that one: ${what}`, async () => {
    const { session, check } = await connect(told);
    answer = `${chunked}${padding(limit)}\r\n${chunk}`;
    const [received, { status }] = await Promise.all([
      overHttp1({ target: watch }, /BOOKMARK/),
      ask(session, watch),
    ]);
    assert.deepEqual([parseAnswer(received).code, status], [200, 502]);
    await check();
  });
}
