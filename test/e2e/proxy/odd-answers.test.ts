import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createServingFiles, type ServingFiles } from '../../support/certificates/serving-files.js';
import { ask, connectHttp2, type Http2Answer } from '../../support/clients/http2-client.js';
import { watchRaw } from '../../support/clients/raw-http.js';
import { connectToListener, encrypted, hasTls } from '../../support/proxy/encrypted.js';
import type { KubeconfigFile } from '../../support/proxy/kubeconfig-file.js';
import { type ProxyProcess, startProxy } from '../../support/proxy/proxy.js';
import { type StrictUpstream, startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { type Leg, legs, toBytes } from '../leg.js';

const watch = '/api/v1/pods?watch=true';
/** The API server's answers, by target. */
const answers = new Map<string, string>();

let upstream: StrictUpstream;
let kubeconfig: KubeconfigFile;
let files: ServingFiles;
let proxy: ProxyProcess;

before(async () => {
  upstream = await startStrictUpstream(
    ({ target }, socket) => {
      socket.write(answers.get(target) ?? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'latin1');
    },
    { scheme: 'https' },
  );
  kubeconfig = await upstream.writeKubeconfig();
  files = await createServingFiles();
  proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, '--reject-paths=', ...files.flags]);
});

after(async () => {
  await proxy.stop('SIGKILL');
  await upstream.stop();
});

/** The bytes of the answer over HTTP/1.1, up to a match. */
async function overHttp1(target: string, pattern: RegExp, leg: Leg = 'plain'): Promise<string> {
  const connection = watchRaw(connectToListener({ port: proxy.port, ca: files.authority.certificate }));
  try {
    connection.write(toBytes({ target, leg }));
    await connection.until(pattern);
    return connection.received();
  } finally {
    connection.destroy();
  }
}

/** Sends a request over HTTP/2 on a connection of its own. */
async function overHttp2(target: string): Promise<Http2Answer> {
  const session = await connectHttp2(proxy.port, files.authority.certificate);
  try {
    return await ask(session, target);
  } finally {
    session.destroy();
  }
}

const connectionFields = [
  ...['HTTP2-Settings: AAMAAABkAAQAAP__', 'Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive'],
  ...['TE: gzip', 'Upgrade: h2c', 'Connection: x-named', 'Proxy-Authenticate: Basic'],
];
const goodFields = [
  ...['X-Sum: 1', 'x-sum: 2', 'ETag: "a"', 'etag: "b"', '__proto__: 3', 'constructor: 4'],
  ...["!#$%&'*+-.^_`|~: 5", 'X-Empty:', 'X-Bytes: caf\xe9\xc3\xa9'],
];

function chunked(trailers: readonly string[], headers: readonly string[] = []): string {
  const lines = ['HTTP/1.1 200 OK', ...headers, 'Transfer-Encoding: chunked'];
  return `${lines.join('\r\n')}\r\n\r\n2\r\nok\r\n0\r\n${trailers.map(line => `${line}\r\n`).join('')}\r\n`;
}

test('trailers of a connection are removed, and others arrive, over both HTTP versions', async () => {
  for (const target of ['/version?trailers', watch]) {
    answers.set(target, chunked([...connectionFields, 'Access-Control-Allow-Origin: *', ...goodFields]));
    const raw = await overHttp1(target, /\r\n0\r\n[\s\S]*\r\n\r\n$/);
    assert.doesNotMatch(raw, /http2-settings|proxy-connection|access-control|h2c/i);
    for (const field of goodFields) assert.ok(raw.includes(field), field);
    if (!hasTls) continue;
    const { status, text, trailers, rstCode } = await overHttp2(target);
    assert.deepEqual([status, text, rstCode], [200, 'ok', 0]);
    assert.deepEqual(
      Object.keys(trailers).filter(
        name => !goodFields.some(field => field.toLowerCase().startsWith(`${name}:`)),
      ),
      [],
    );
    assert.deepEqual([trailers['x-sum'], trailers['constructor'], trailers.etag], ['1, 2', '4', '"a", "b"']);
  }
});

test(
  'a head that node:http2 cannot send is at most a 502, and the connection continues',
  encrypted,
  async () => {
    const session = await connectHttp2(proxy.port, files.authority.certificate, { maxHeaderListPairs: 5000 });
    const heads: readonly (readonly [string, number])[] = [
      [['HTTP/1.1 200 OK', ...connectionFields, ...goodFields, 'Content-Length: 2'].join('\r\n'), 200],
      ['HTTP/1.1 600 Odd\r\nContent-Length: 2', 502],
      ['HTTP/1.1 999 Odd\r\nContent-Length: 2', 502],
      ['HTTP/1.1 200 OK\r\n:status: 201\r\nContent-Length: 2', 502],
      [`HTTP/1.1 200 OK\r\n${'X: 1\r\n'.repeat(999)}Content-Length: 2`, 200],
    ];
    try {
      for (const [index, [head, code]] of heads.entries()) {
        for (const target of [`/version?head-${index}`, `${watch}&head-${index}`]) {
          answers.set(target, `${head}\r\n\r\nok`);
          const { status } = await ask(session, target);
          assert.equal(status, code, head.slice(0, 80));
        }
      }
      assert.equal((await ask(session, '/version')).status, 200);
    } finally {
      session.destroy();
    }
  },
);

test('an answer that is not valid HTTP/1.1 is a 502 on every leg, and no uncaught error', async () => {
  // test/transport/http1/response-parser.test.ts has all of them.
  const ok = 'HTTP/1.1 200 OK\r\n';
  for (const [bytes, code] of [
    ['\u0000\u0001\u0002 no HTTP at all\r\n\r\n', 502],
    ['SSH-2.0-OpenSSH_9.6\r\n', 502],
    ['HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok', 502],
    ['HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok', 502],
    ['HTTP/1.1 403 O\x7fdd\r\nContent-Length: 2\r\n\r\nok', 502],
    ['HTTP/1.1 101 Switching Protocols\r\nX: 1\r\n\r\n', 502],
    [`${ok}X-Bad: a\rb\r\nContent-Length: 2\r\n\r\nok`, 502],
    [`${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`, 502],
    [`${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`, 502],
    [`${ok}X-Large: ${'x'.repeat(4 << 20)}\r\nContent-Length: 0\r\n\r\n`, 502],
    ['HTTP/1.1 403 Forbidden\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok', 403],
    ['HTTP/1.1 204 No Content\r\nTrailer: X-Sum\r\n\r\n', 204],
    ['HTTP/1.1 304 Not Modified\r\nTrailer: X-Sum\r\n\r\n', 304],
  ] as const) {
    answers.set('/version?odd', bytes);
    const what = bytes.slice(0, 80);
    for (const leg of Object.keys(legs) as Leg[]) {
      const raw = await overHttp1('/version?odd', /^HTTP\/1\.1 [\s\S]*\r\n\r\n/, leg);
      assert.equal(Number(raw.slice(9, 12)), code, `${leg} ${what}`);
      assert.match(await overHttp1('/version', /ok$/), /^HTTP\/1\.1 200 /, 'the next request works');
    }
  }
  assert.deepEqual(
    proxy.log().filter(({ msg }) => msg === 'uncaught exception'),
    [],
  );
});
