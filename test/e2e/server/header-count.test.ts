import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { ask, connectHttp2 } from '../../support/clients/http2-client.js';
import { connectRaw, watchRaw } from '../../support/clients/raw-http.js';
import { connectToListener, encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { assertStatus, type Leg, legs, parseAnswer, send, toBytes } from '../leg.js';

/** Node's own limit. Node before 22.23.3 and 24.21.0 accepts 23 fields more, and drops the fields after them. */
const limit = 1000;
const tooMany = [limit + 1, limit + 23, limit + 24, 2 * limit];
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const upstream = await startStrictUpstream((_request, socket) => void socket.write(ok));
after(() => upstream.stop());
const kubeconfig = await upstream.writeKubeconfig();
const files = await createServingFiles();
const start = (...more: string[]) =>
  startInProcess({ after }, [`--kubeconfig=${kubeconfig.path}`, '--read-only', '--reject-paths=', ...more]);
const [proxy, secure] = await Promise.all([start(), start(...files.flags)]);

/** The targets of requests that have arrived since the last call. */
const arrived = () => upstream.requests.splice(0).map(({ target }) => target);

/** Fields that an attacker hides behind the fields that a guard sees. */
const hidden = [
  ...['Content-Length: 40', 'Transfer-Encoding: chunked', 'X-HTTP-Method-Override: DELETE'],
  ...['Impersonate-User: system:masters', 'Origin: https://evil.example', 'Host: evil.example'],
  ...['Upgrade: h2c', 'X-Filler: 1'],
];

/** A request with so many fields in the order of an attack: fillers, those of the leg, and last the hidden one. */
function attack(leg: Leg, total: number, last: string, path = '/api/v1/pods'): string {
  const fillers = Array.from({ length: total - 2 - legs[leg].length }, () => 'a: 1');
  const head = toBytes({ leg, target: path, headers: fillers }).toString('latin1');
  return `${head.slice(0, -2)}${last}\r\n\r\n`;
}

/** Sends bytes, and returns the answer when the connection has ended. */
async function answerTo(bytes: string, connection = connectRaw(proxy.port)) {
  const client = await connection;
  client.write(Buffer.from(bytes, 'latin1'));
  const answer = parseAnswer(await client.untilClosed());
  client.destroy();
  return answer;
}

for (const leg of Object.keys(legs) as Leg[]) {
  it(`a request on the ${leg} leg with more than ${limit} header fields gets a 431 and is not passed on, and with ${limit} all are checked`, async () => {
    for (const total of tooMany) {
      for (const field of total === limit + 1 ? hidden : hidden.slice(0, 2)) {
        const answer = await answerTo(attack(leg, total, field));
        assertStatus(answer, 431, field);
        assert.equal(answer.headers.get('connection'), 'close');
      }
    }
    const connection = await connectRaw(proxy.port);
    connection.write(attack(leg, limit, 'X-HTTP-Method-Override: DELETE'));
    await connection.until(/^HTTP\/1\.1 403 /);
    connection.destroy();
    assert.deepEqual(arrived(), []);
  });
}

it('a request with 1000 header fields arrives with its last field', async () => {
  assert.equal((await answerTo(attack('plain', limit, 'X-Last: yes'))).code, 200);
  assert.deepEqual(upstream.requests.splice(0)[0]?.values('X-Last'), ['yes']);
});

it('a hidden Content-Length does not make the next request a body, of the same connection or of another caller', async () => {
  for (const [total, last] of [
    [limit + 10, 'Content-Length: 60'],
    [limit + 23, 'A: 1'],
  ] as const) {
    const head = attack('plain', total, last).replace('Connection: close', 'Connection: a');
    const behind = 'GET /api/v1/pods?behind HTTP/1.1\r\nHost: localhost\r\n\r\n';
    assertStatus(await answerTo(head + behind), 431, last);
    for (const target of ['/version?second', '/version?third'])
      assert.equal((await send(proxy.port, { target })).code, 200, target);
    assert.deepEqual(arrived(), ['/version?second', '/version?third']);
  }
});

it(
  'a request over TLS with 1001 header fields gets a 431, and is reset over HTTP/2, where pseudo-header fields count',
  encrypted,
  async t => {
    const ca = files.authority.certificate;
    const overTls = Promise.resolve(watchRaw(connectToListener({ port: secure.port, ca })));
    assertStatus(await answerTo(attack('plain', limit + 1, 'A: 1'), overTls), 431, 'TLS');
    const session = await connectHttp2(secure.port, ca, { maxHeaderListPairs: 10_000 });
    t.after(() => session.destroy());
    const sent = (total: number, last: string, path = '/api/v1/pods') =>
      ask(session, path, { headers: { a: Array.from({ length: total - 5 }, () => '1'), [last]: 'DELETE' } });
    for (const total of tooMany) {
      const { status, rstCode } = await sent(total, 'x-http-method-override');
      assert.deepEqual([status, rstCode > 0], [0, true], String(total));
    }
    assert.equal((await sent(limit, 'x-http-method-override')).status, 403);
    assert.deepEqual(arrived(), []);
    assert.equal((await sent(limit, 'x-last', '/version')).status, 200);
    assert.deepEqual(upstream.requests[0]?.values('x-last'), ['DELETE']);
  },
);
