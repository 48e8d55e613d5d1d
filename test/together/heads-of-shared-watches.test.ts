import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { after, afterEach, it } from 'node:test';
import tls from 'node:tls';
import { parseAnswer, toBytes } from '../e2e/leg.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { ask, connectHttp2, headOf, openStream } from '../support/clients/http2-client.js';
import { watchRaw } from '../support/clients/raw-http.js';
import { startProxy } from '../support/proxy/proxy.js';
import { startRawUpstream } from '../support/upstreams/raw-upstream.js';

const maxFields = 1_000;
const chunked = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n';
const event =
  '{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"9"}}}\n';
const chunk = `${event.length.toString(16)}\r\n${event}\r\n`;
const watch = '/api/v1/pods?watch=true&resourceVersion=5&allowWatchBookmarks=true';

let answer: string;
const ends: (() => void)[] = [];

const upstream = await startRawUpstream(({ socket, target }) => {
  socket.write(target.startsWith('/api/v1/namespaces') ? `${chunked}\r\n${chunk}` : answer, 'latin1');
});
after(() => upstream.close());
const { path } = await upstream.writeKubeconfig();
const files = await createServingFiles();
const secure = await startProxy([
  ...[`--kubeconfig=${path}`, '--share-watches', '--reject-paths=', '--log-requests=none', ...files.flags],
]);
after(() => secure.stop('SIGKILL'));
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Lines of this number of fields. */
const fields = (count: number, line = 'x: y\r\n') => line.repeat(count);

/** Lines whose names and values have this many bytes. */
function padding(bytes: number): string {
  const values = Array.from({ length: Math.ceil(bytes / 10_000) }, (_, index) =>
    'z'.repeat(Math.min(10_000, bytes - index * 10_000) - 'x00'.length),
  );
  return values.map((value, index) => `x${String(index).padStart(2, '0')}: ${value}\r\n`).join('');
}

async function overHttp1(request: Parameters<typeof toBytes>[0], until?: RegExp): Promise<string> {
  const connection = watchRaw(tls.connect({ port: secure.port, ca: files.authority.certificate }));
  ends.push(() => connection.destroy());
  connection.write(toBytes(request));
  if (until === undefined) return connection.untilClosed();
  await connection.until(until);
  return connection.received();
}

/** Opens an HTTP/2 connection with a watch that another user of it may have. Throws later if that watch has ended. */
async function connect(
  maxHeaderListSize = 4 << 20,
): Promise<{ session: ClientHttp2Session; check(): Promise<void> }> {
  const session = await connectHttp2(secure.port, files.authority.certificate, {
    maxHeaderListPairs: 10 * maxFields,
    settings: { maxHeaderListSize },
  });
  ends.push(() => session.destroy());
  const other = openStream(session, '/api/v1/namespaces/a/pods?watch=true');
  other.resume();
  await headOf(other);
  return {
    session,
    async check() {
      const healthy = await ask(session, '/-/livez');
      assert.deepEqual([healthy.status, session.closed, other.closed], [200, false, false]);
    },
  };
}

it('an answer with more than 1000 header fields is a 502 for each client of a shared watch', async () => {
  answer = `${chunked}${fields(maxFields)}\r\n${chunk}`;
  const answers = await Promise.all([
    overHttp1({ target: watch }),
    overHttp1({ target: watch }),
    connect().then(({ session }) => ask(session, watch)),
  ]);
  assert.deepEqual(
    answers.map(each => (typeof each === 'string' ? parseAnswer(each).code : each.status)),
    [502, 502, 502],
  );
});

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
