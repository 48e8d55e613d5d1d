import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { type HttpAnswer, send as sendPlain } from '../../support/clients/http-client.js';
import { ask, connectHttp2 } from '../../support/clients/http2-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { projectFile } from '../../support/project.js';
import { adminPort } from '../../support/proxy/admin-listener.js';
import { encrypted, hasTls } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startRawUpstream } from '../../support/upstreams/raw-upstream.js';
import { type AttackRequest, type Leg, legs, send } from '../leg.js';

/** Every answer lets all pages embed it, twice, also after the body. */
const sent = ['cross-origin-resource-policy: cross-origin', 'Cross-Origin-Resource-Policy: same-site'];
const upstream = await startRawUpstream(({ socket, values, target }) => {
  const [code = '200 OK'] = values('X-Code');
  const protocol = code.startsWith('101') ? ['Connection: Upgrade', 'Upgrade: websocket'] : [];
  const hasBody = protocol.length === 0 && !code.startsWith('304');
  const framing = hasBody ? ['Transfer-Encoding: chunked', 'Trailer: Cross-Origin-Resource-Policy'] : [];
  const body = hasBody ? `2\r\nok\r\n0\r\n${sent[0]}\r\n\r\n` : '';
  if (target === '/broken') socket.destroy();
  else socket.write(`${[`HTTP/1.1 ${code}`, ...sent, ...protocol, ...framing].join('\r\n')}\r\n\r\n${body}`);
});
const kubeconfig = await upstream.writeKubeconfig();
const files = await createServingFiles();
const flags = [
  `--kubeconfig=${kubeconfig.path}`,
  '--reject-paths=^/refused',
  `--www=${projectFile('test/fixtures')}`,
];
const start = (...more: readonly string[]) => startInProcess({ after }, [...flags, ...more]);
const [plain, secure, allowing, unfiltered] = await Promise.all([
  start('--admin-port=0', '--admin-address=127.0.0.1'),
  start(...files.flags),
  start('--cors-allowed-origins=^https://app\\.example$'),
  start('--disable-filter'),
]);
const http2 = hasTls ? await connectHttp2(secure.port, files.authority.certificate) : undefined;
after(async () => {
  http2?.destroy();
  await upstream.close();
});

/** The policies of an answer, trailers included. */
function policies(raw: string): string[] {
  return [...raw.matchAll(/^cross-origin-resource-policy: (.*)\r$/gim)].map(([, value]) => value as string);
}

/** One answer of every kind, with its status. */
const answers: readonly (readonly [number, AttackRequest])[] = [
  [200, { target: '/version' }],
  [200, { target: '/api/v1/pods?watch=true' }],
  [200, { target: '/api/v1/namespaces/n/pods/p/proxy/' }],
  [304, { target: '/version', headers: ['X-Code: 304 Not Modified'] }],
  [302, { target: '/version', headers: ['X-Code: 302 Found'] }],
  [500, { target: '/version', headers: ['X-Code: 500 Internal Server Error'] }],
  [200, { method: 'DELETE', target: '/api/v1/pods' }],
  [502, { target: '/broken' }],
  [403, { target: '/refused' }],
  [400, { target: '/api/../x' }],
  [403, { target: '/version', host: ['Host: evil.example'] }],
  [403, { target: '/version', headers: ['Sec-Fetch-Site: cross-site'] }],
  [200, { target: '/-/' }],
  [200, { target: '/-/livez' }],
  [200, { target: '/-/metrics' }],
  [404, { target: '/-/none' }],
  [200, { target: '/static/' }],
  [200, { target: '/static/resources.txt' }],
  [404, { target: '/static/none' }],
];

describe('every answer has one Cross-Origin-Resource-Policy', () => {
  test('for own pages alone, whatever the API server sends, over HTTP/1.1', async () => {
    for (const [code, request] of answers) {
      const answer = await send(plain.port, request);
      assert.equal(answer.code, code, request.target);
      assert.deepEqual(policies(answer.raw), ['same-origin'], request.target);
    }
    const { code, raw } = await send(unfiltered.port, { target: '/version' });
    assert.deepEqual([code, ...policies(raw)], [200, 'same-origin']);
  });

  test('for own pages alone over HTTP/2', encrypted, async () => {
    assert.ok(http2);
    for (const [code, { target, method = 'GET', headers: lines = [], host }] of answers) {
      if (target === '/api/../x') continue;
      const headers = Object.fromEntries(lines.map(line => line.split(': ')));
      const authority = host === undefined ? {} : { ':authority': 'evil.example' };
      const answer = await ask(http2, target, { headers: { ':method': method, ...headers, ...authority } });
      assert.equal(answer.status, code, target);
      assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin', target);
      assert.equal(answer.trailers['cross-origin-resource-policy'], undefined, target);
    }
    for (const [code, odd] of [
      [400, { ':method': 'BREW' }],
      [417, { expect: 'tea' }],
    ] as const) {
      const { status, headers } = await ask(http2, '/version', { headers: odd });
      assert.deepEqual([status, headers['cross-origin-resource-policy']], [code, 'same-origin']);
    }
  });

  test('for own pages alone in the answers to upgrades', async () => {
    for (const leg of Object.keys(legs).filter(leg => leg !== 'plain') as Leg[]) {
      for (const code of ['101 Switching Protocols', '200 OK', '403 Forbidden']) {
        const headers = [`X-Code: ${code}`];
        const answer = await send(plain.port, { leg, target: '/api/v1/namespaces/n/pods/p/exec', headers });
        assert.equal(answer.code, Number(code.slice(0, 3)));
        assert.deepEqual(policies(answer.raw), ['same-origin'], `${leg} ${code}`);
      }
      const { code, raw } = await send(plain.port, { leg, target: '/refused' });
      assert.deepEqual([code, ...policies(raw)], [403, 'same-origin'], leg);
    }
  });

  test('even if the request could not be read', async () => {
    for (const [code, bytes] of [
      [400, 'GET /version HTTP/1.1\r\nno field\r\n\r\n'],
      [431, `GET /version HTTP/1.1\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`],
      [405, 'CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n'],
    ] as const) {
      const connection = await connectRaw(plain.port);
      connection.write(bytes);
      const [head] = await connection.until(/^[\s\S]*?\r\n\r\n/);
      connection.destroy();
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${code} `));
      assert.deepEqual(policies(head), ['same-origin'], bytes.slice(0, 50));
    }
  });

  test('on the admin listener too', async () => {
    const port = await adminPort(plain);
    for (const path of ['/metrics', '/livez', '/none']) {
      const { headers } = await sendPlain(port, path);
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path);
    }
  });

  test('for all pages if --cors-allowed-origins names the one that asks, by its Origin or its Referer', async () => {
    const site = 'Sec-Fetch-Site: cross-site';
    const policyFor = async (headers: readonly string[], method = 'GET', leg: Leg = 'plain') => {
      const code = leg === 'plain' ? '200 OK' : '101 Switching Protocols';
      const request = { leg, method, target: '/version', headers: [...headers, `X-Code: ${code}`] };
      return policies((await send(allowing.port, request)).raw);
    };
    const origin = 'Origin: https://app.example';
    const referer = 'Referer: https://app.example/a';
    for (const headers of [[origin], [referer], [origin, site], [referer, site]]) {
      assert.deepEqual(await policyFor(headers), ['cross-origin'], headers.join());
    }
    assert.deepEqual(await policyFor([origin], 'DELETE'), ['cross-origin']);
    assert.deepEqual(await policyFor([origin], 'GET', 'websocket'), ['cross-origin']);
    for (const headers of [
      [],
      ['Origin: https://evil.example'],
      ['Origin: null', referer],
      ['Origin: https://evil.example', referer],
      ['Referer: https://evil.example/https://app.example/'],
      ['Referer: https://app.example@evil.example/'],
      [origin, origin],
      [referer, referer],
    ]) {
      assert.deepEqual(await policyFor(headers), ['same-origin'], headers.join());
    }
    assert.deepEqual(await policyFor([referer], 'DELETE'), ['same-origin']);
    assert.deepEqual(await policyFor([referer], 'GET', 'websocket'), ['same-origin']);
    const { code, raw } = await send(allowing.port, { target: '/-/', headers: [origin] });
    assert.deepEqual([code, ...policies(raw)], [200, 'cross-origin']);
  });
});

test('caches keep the answers for allowed pages apart from those for others', async () => {
  const varies = async (headers: Readonly<Record<string, string>>): Promise<HttpAnswer['headers']['vary']> =>
    (await sendPlain(allowing.port, '/version', { headers })).headers.vary;
  assert.equal(await varies({ origin: 'https://app.example' }), 'Origin');
  assert.equal(await varies({ referer: 'https://app.example/' }), 'Origin, Referer');
  assert.equal(await varies({}), 'Origin, Sec-Fetch-Site');
  assert.equal((await sendPlain(plain.port, '/version')).headers.vary, undefined);
});
