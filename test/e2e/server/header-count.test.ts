import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { after, describe, it } from 'node:test';
import tls from 'node:tls';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { ask, connectHttp2 } from '../../support/clients/http2-client.js';
import { connectRaw, watchRaw } from '../../support/clients/raw-http.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { assertStatus, type Leg, legs, parseAnswer, send, toBytes } from '../leg.js';

/** Node's own limit. Node before 22.23.3 and 24.21.0 accepts 23 fields more, and drops the fields after them. */
const limit = 1000;
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const upstream = await startStrictUpstream((_request, socket) => void socket.write(ok));
after(() => upstream.stop());
const kubeconfig = await upstream.writeKubeconfig();
const files = await createServingFiles();
const start = (...more: string[]) =>
  startInProcess({ after }, [`--kubeconfig=${kubeconfig.path}`, '--read-only', '--reject-paths=', ...more]);
const [proxy, secure] = await Promise.all([start(), start(...files.flags)]);

/** Filler fields: as many as make `total` with Host and those of the leg. */
function fillers(leg: Leg, total: number): string[] {
  return Array.from({ length: total - 1 - legs[leg].length }, () => 'a: 1');
}

/** Fields that an attacker hides behind the fields that a guard sees. */
const hidden = [
  ...['Content-Length: 40', 'Transfer-Encoding: chunked', 'X-HTTP-Method-Override: DELETE'],
  ...['Impersonate-User: system:masters', 'Origin: https://evil.example', 'Host: evil.example'],
  ...['Upgrade: h2c', 'X-Filler: 1'],
];

/** The request with its fields in the order of an attack: fillers, then those of the leg, then the hidden ones. */
function attack(leg: Leg, target: string, total: number, last: readonly string[]): Buffer {
  const head = toBytes({ leg, target, headers: fillers(leg, total - last.length) }).toString('latin1');
  return Buffer.from(`${head.slice(0, -2)}${last.join('\r\n')}\r\n\r\n`, 'latin1');
}

for (const leg of Object.keys(legs) as Leg[]) {
  describe(`a request on the ${leg} leg`, () => {
    it(`with more than ${limit} header fields gets a 431 and is not passed on, whatever the last fields are`, async () => {
      for (const total of [limit + 1, limit + 23, limit + 24, 2 * limit]) {
        for (const field of total === limit + 1 ? hidden : hidden.slice(0, 2)) {
          const target = `/api/v1/pods?${leg}-${total}`;
          const connection = await connectRaw(proxy.port);
          connection.write(attack(leg, target, total, [field]));
          const answer = parseAnswer(await connection.untilClosed());
          connection.destroy();
          assertStatus(answer, 431, field);
          assert.equal(answer.headers.get('connection'), 'close');
          assert.ok(!upstream.requests.some(request => request.target === target), field);
        }
      }
    });

    it(`with ${limit} header fields has its last one checked like its first`, async () => {
      const connection = await connectRaw(proxy.port);
      connection.write(attack(leg, '/api/v1/pods?override', limit, ['X-HTTP-Method-Override: DELETE']));
      if (leg === 'plain') assertStatus(parseAnswer(await connection.untilClosed()), 403, leg);
      else await connection.until(/^HTTP\/1\.1 403 /);
      connection.destroy();
      assert.ok(!upstream.requests.some(({ target }) => target.includes('override')));
    });
  });
}

it('a request with 1000 header fields arrives with its last field', async () => {
  const connection = await connectRaw(proxy.port);
  connection.write(attack('plain', '/api/v1/pods?whole', limit, ['X-Last: yes']));
  assert.equal(parseAnswer(await connection.untilClosed()).code, 200);
  const request = await upstream.waitForRequest(({ target }) => target.endsWith('whole'));
  assert.deepEqual(request.values('X-Last'), ['yes']);
});

it('a hidden Content-Length does not make the request of the next caller a body', async () => {
  const from = upstream.requests.length;
  const connection = await connectRaw(proxy.port);
  const head = attack('plain', '/api/v1/pods?first', limit + 10, ['Content-Length: 60']).toString('latin1');
  connection.write(head.replace('Connection: close', 'Connection: a'));
  await connection.until(/^HTTP\/1\.1 (\d+) /);
  connection.destroy();
  for (const target of ['/version?second', '/version?third']) {
    assert.equal((await send(proxy.port, { target })).code, 200, target);
  }
  const requests = upstream.requests.slice(from);
  assert.deepEqual(
    requests.map(({ target }) => target),
    ['/version?second', '/version?third'],
  );
});

it('bytes after a request with too many header fields are not read as a request', async () => {
  const connection = await connectRaw(proxy.port);
  const head = attack('plain', '/api/v1/pods?before', limit + 23, ['A: 1']).toString('latin1');
  connection.write(
    `${head.replace('Connection: close', 'Connection: a')}GET /api/v1/pods?behind HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  );
  assertStatus(parseAnswer(await connection.untilClosed()), 431, 'the first');
  connection.destroy();
  assert.ok(!upstream.requests.some(({ target }) => target.includes('behind')));
});

describe('a request over TLS with 1001 header fields', encrypted, () => {
  it('gets a 431 over HTTP/1.1', async () => {
    const socket = tls.connect({ port: secure.port, ca: files.authority.certificate });
    const connection = watchRaw(socket);
    connection.write(attack('plain', '/api/v1/pods?tls', limit + 1, ['A: 1']));
    assertStatus(parseAnswer(await connection.untilClosed()), 431, 'TLS');
    connection.destroy();
    assert.ok(!upstream.requests.some(({ target }) => target.includes('tls')));
  });

  it('is reset over HTTP/2, where pseudo-header fields count, and is not passed on', async () => {
    const session: ClientHttp2Session = await connectHttp2(secure.port, files.authority.certificate, {
      maxHeaderListPairs: 10_000,
    });
    try {
      const headers = (total: number, last: string) => ({
        a: Array.from({ length: total - 5 }, () => '1'),
        [last]: 'DELETE',
      });
      for (const total of [limit + 1, limit + 23, limit + 24, 2 * limit]) {
        const { status, rstCode } = await ask(session, '/api/v1/pods?h2', {
          headers: headers(total, 'x-http-method-override'),
        });
        assert.deepEqual([status, rstCode > 0], [0, true], String(total));
      }
      const judged = await ask(session, '/api/v1/pods?h2', {
        headers: headers(limit, 'x-http-method-override'),
      });
      assert.equal(judged.status, 403);
      assert.equal((await ask(session, '/version?h2', { headers: headers(limit, 'x-last') })).status, 200);
    } finally {
      session.destroy();
    }
    assert.deepEqual(
      upstream.requests.filter(({ target }) => target.includes('h2')).map(({ values }) => values('x-last')),
      [['DELETE']],
    );
  });
});
