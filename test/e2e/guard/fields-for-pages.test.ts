import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { ask, connectHttp2 } from '../../support/clients/http2-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { projectFile } from '../../support/project.js';
import { adminPort } from '../../support/proxy/admin-listener.js';
import { encrypted, hasTls } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { type AttackRequest, send } from '../leg.js';

/** Every answer lets all pages read and embed it, also after the body. */
const sent = [
  ...['cross-origin-resource-policy: cross-origin', 'Cross-Origin-Resource-Policy: same-site'],
  ...['Access-Control-Allow-Origin: *', 'access-control-allow-credentials: true'],
  'Access-Control-Expose-Headers: Audit-Id',
];
const upstream = await startStrictUpstream(({ values, target }, socket) => {
  const [code = '200 OK'] = values('X-Code');
  const protocol = code.startsWith('101') ? ['Connection: Upgrade', 'Upgrade: websocket'] : [];
  const hasBody = protocol.length === 0 && !code.startsWith('304');
  const framing = hasBody ? ['Transfer-Encoding: chunked', 'Trailer: Cross-Origin-Resource-Policy'] : [];
  const body = hasBody ? `2\r\nok\r\n0\r\n${sent[0]}\r\n${sent[2]}\r\n\r\n` : '';
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
const [plain, withAdmin, secure, unfiltered] = await Promise.all([
  start(),
  start('--admin-port=0', '--admin-address=127.0.0.1'),
  start(...files.flags),
  start('--disable-filter'),
]);
const http2 = hasTls ? await connectHttp2(secure.port, files.authority.certificate) : undefined;
after(async () => {
  http2?.destroy();
  await upstream.stop();
});

/** The values of the fields of an answer, trailers included, whose name matches. */
function fieldsOf(raw: string, name: string): string[] {
  return [...raw.matchAll(new RegExp(`^${name}: (.*)\\r$`, 'gim'))].map(([, value]) => value as string);
}
const policiesOf = (raw: string) => fieldsOf(raw, 'cross-origin-resource-policy');
const sniffingOf = (raw: string) => fieldsOf(raw, 'x-content-type-options');
/** Whether the program answers itself, and with no file. */
const isOwn = ({ target, headers = [] }: AttackRequest, code: number) =>
  target.startsWith('/-/') || (code >= 400 && !headers.some(line => line.startsWith('X-Code')));

/** What an answer says to pages: its CORS fields as they are sent, its policy, and what caches have to keep apart. */
const toldTo = (raw: string) => ({
  cors: (raw.match(/^access-control-[^\r]*/gim) ?? []).map(line => line.toLowerCase()).sort(),
  policies: policiesOf(raw),
  vary: fieldsOf(raw, 'vary'),
});
/** The Vary of an answer: the index has another text for browsers. */
const varyOf = (target: string, ...names: string[]) =>
  target === '/-/' ? [['Accept', ...names].join(', ')] : names.length === 0 ? [] : [names.join(', ')];
const toOthers = (target: string, ...vary: string[]) => ({
  ...{ cors: [], policies: ['same-origin'], vary: varyOf(target, ...vary) },
});
/** One answer of every kind, from this program or from the API server, with its status. */
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
  [200, { target: '/-/' }],
  [200, { target: '/-/livez' }],
  [200, { target: '/-/metrics' }],
  [404, { target: '/-/none' }],
  [200, { target: '/static/' }],
  [200, { target: '/static/resources.txt' }],
  [404, { target: '/static/none' }],
];
const upgrades: readonly (readonly [number, AttackRequest])[] = (['websocket', 'spdy'] as const).flatMap(
  leg => [
    ...['101 Switching Protocols', '200 OK', '403 Forbidden'].map(code => {
      const request = { leg, target: '/api/v1/namespaces/n/pods/p/exec', headers: [`X-Code: ${code}`] };
      return [Number(code.slice(0, 3)), request] as const;
    }),
    [403, { leg, target: '/refused' }] as const,
  ],
);
const allowed = 'Origin: https://app.example';
const otherSite: AttackRequest = { target: '/version', headers: ['Sec-Fetch-Site: cross-site'] };

describe('an answer', () => {
  test('is for own pages alone, whatever the API server sends, and on the admin listener too', async () => {
    for (const [code, request] of [...answers, ...upgrades, [403, otherSite] as const]) {
      const answer = await send(plain.port, request);
      assert.equal(answer.code, code, request.target);
      assert.deepEqual(toldTo(answer.raw), toOthers(request.target), JSON.stringify(request));
      // No browser guesses that an answer of the program's own is a page; what a file of --www is, its name says.
      if (isOwn(request, code))
        assert.deepEqual(sniffingOf(answer.raw), ['nosniff'], JSON.stringify(request));
      if (request.target === '/static/resources.txt') assert.deepEqual(sniffingOf(answer.raw), []);
    }
    for (const target of ['/version', '/static/resources.txt', '/-/livez', '/refused'])
      assert.deepEqual(
        toldTo((await send(plain.port, { target, headers: [allowed] })).raw),
        toOthers(target),
        target,
      );
    const { code, raw } = await send(unfiltered.port, { target: '/version' });
    assert.deepEqual([code, ...policiesOf(raw)], [200, 'same-origin']);
    const port = await adminPort(withAdmin);
    for (const path of ['/metrics', '/livez', '/none']) {
      const { headers } = await sendPlain(port, path);
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path);
      assert.equal(headers['x-content-type-options'], 'nosniff', path);
    }
  });

  test('is for own pages alone over HTTP/2', encrypted, async () => {
    assert.ok(http2);
    for (const [code, { target, method = 'GET', headers: lines = [], host }] of [
      ...answers,
      [403, otherSite] as const,
      [400, { target: '/version', method: 'BREW' }] as const,
      [417, { target: '/version', headers: ['expect: tea'] }] as const,
    ]) {
      if (target === '/api/../x') continue;
      const headers = Object.fromEntries(lines.map(line => line.split(': ')));
      const authority = host === undefined ? {} : { ':authority': 'evil.example' };
      const answer = await ask(http2, target, { headers: { ':method': method, ...headers, ...authority } });
      assert.equal(answer.status, code, target);
      assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin', target);
      assert.equal(answer.headers['access-control-allow-origin'], undefined, target);
      if (isOwn({ target }, code)) assert.equal(answer.headers['x-content-type-options'], 'nosniff', target);
      assert.deepEqual(Object.keys(answer.trailers), [], target);
    }
  });

  test('is for own pages alone even if the request could not be read', async () => {
    for (const [code, bytes] of [
      [400, 'GET /version HTTP/1.1\r\nno field\r\n\r\n'],
      [431, `GET /version HTTP/1.1\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`],
    ] as const) {
      const connection = await connectRaw(plain.port);
      connection.write(bytes);
      const [head] = await connection.until(/^[\s\S]*?\r\n\r\n/);
      connection.destroy();
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${code} `));
      assert.deepEqual(policiesOf(head), ['same-origin'], bytes.slice(0, 50));
      assert.deepEqual(sniffingOf(head), ['nosniff'], bytes.slice(0, 50));
    }
  });
});
