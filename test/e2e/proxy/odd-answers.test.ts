import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { ask } from '../../support/clients/http2-client.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { chunk, chunked, clientsOf, fields, maxFields, padding } from '../large-head-clients.js';

/** Almost the most bytes of a head from the API server. */
const longest = 1_000_000;

const connectionFields = [
  ...['HTTP2-Settings: AAMAAABkAAQAAP__', 'Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive'],
  ...['TE: gzip', 'Upgrade: h2c', 'Connection: x-named', 'Proxy-Authenticate: Basic'],
];
const goodFields = [
  ...['X-Sum: 1', 'x-sum: 2', 'ETag: "a"', 'etag: "b"', '__proto__: 3', 'constructor: 4'],
  ...["!#$%&'*+-.^_`|~: 5", 'X-Empty:', 'X-Bytes: caf\xe9\xc3\xa9'],
];

let answer: string;

const upstream = await startStrictUpstream(
  ({ target }, socket) => {
    socket.write(target.startsWith('/api/v1/namespaces') ? `${chunked}\r\n${chunk}` : answer, 'latin1');
  },
  { scheme: 'https' },
);
after(() => upstream.stop());
const { path } = await upstream.writeKubeconfig();
const files = await createServingFiles();
const proxy = await startInProcess({ after }, [
  ...[`--kubeconfig=${path}`, '--reject-paths=', '--log-requests=none', ...files.flags],
]);
const { overHttp1, connect } = clientsOf(() => ({ port: proxy.port, ca: files.authority.certificate }));

// test/header-fields.test.ts shows that all work on heads and trailers takes time in proportion to their length.
describe(`an answer with more than ${maxFields} header fields`, () => {
  const tooMany = /its answer has more than 1000 header fields$/;

  it('is a 502 that says so for a client of HTTP/2, whose other streams go on', encrypted, async () => {
    const { session, check } = await connect();
    for (const name of ['x', 'Set-Cookie']) {
      answer = `HTTP/1.1 200 OK\r\n${fields(maxFields, `${name}: y\r\n`)}Content-Length: 0\r\n\r\n`;
      const { status, json } = await ask(session, '/x');
      assert.equal(status, 502);
      assert.match((json as { message: string }).message, tooMany);
    }
    answer = `HTTP/1.1 200 OK\r\n${fields(maxFields - 1, 'Set-Cookie: y\r\n')}Content-Length: 0\r\n\r\n`;
    assert.equal((await ask(session, '/x')).headers['set-cookie']?.length, maxFields - 1);
    await check();
  });
});

describe('a head that is too large for the HTTP/2 connection of its client', encrypted, () => {
  for (const [what, limit, told] of [
    ['what clients with nghttp2 take', 128 * 1024, undefined],
    ['the SETTINGS_MAX_HEADER_LIST_SIZE of the client', 50_000, 50_000],
  ] as const) {
    const head = (bytes: number) => `HTTP/1.1 200 OK\r\n${padding(bytes)}Content-Length: 2\r\n\r\nok`;
    const tooLarge = new RegExp(
      `exceeds the ${limit} bytes of this HTTP/2 connection, or 65536 in one field; try HTTP/1.1$`,
    );

    it(`is a 502 for its stream alone: ${what}`, async () => {
      const { session, check } = await connect(told);
      answer = head(limit - 2_000);
      assert.equal((await ask(session, '/x')).text, 'ok');
      for (const bytes of [limit - 100, limit, 2 * limit, 300_000, longest]) {
        answer = head(bytes);
        const { status, json } = await ask(session, '/x');
        assert.equal(status, 502, String(bytes));
        assert.match((json as { message: string }).message, tooLarge);
      }
      await check();
      assert.match(await overHttp1({ target: '/x' }), /^HTTP\/1\.1 200 [\s\S]*ok$/);
    });
  }
});

it(
  'a head that node:http2 cannot send is at most a 502, and the connection continues',
  encrypted,
  async () => {
    const { session, check } = await connect();
    const heads: readonly (readonly [string, number])[] = [
      [['HTTP/1.1 200 OK', ...connectionFields, ...goodFields, 'Content-Length: 2'].join('\r\n'), 200],
      ['HTTP/1.1 600 Odd\r\nContent-Length: 2', 502],
      ['HTTP/1.1 999 Odd\r\nContent-Length: 2', 502],
      ['HTTP/1.1 200 OK\r\n:status: 201\r\nContent-Length: 2', 502],
    ];
    for (const [head, code] of heads) {
      for (const target of ['/version', '/api/v1/pods?watch=true']) {
        answer = `${head}\r\n\r\nok`;
        assert.equal((await ask(session, target)).status, code, head.slice(0, 80));
      }
    }
    await check();
  },
);
