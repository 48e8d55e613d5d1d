import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { projectFile } from '../../support/project.js';
import { startStack } from '../../support/proxy/stack.js';
import { type Answer, type AttackRequest, assertStatus, send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const www = projectFile('test/fixtures');
const allowed = 'https://app.example';
const pod = '/api/v1/namespaces/default/pods/web-0';

const server = await startFakeApiServer();
after(() => server.kill());
const start = (...flags: string[]) => startStack({ after }, { server, flags: [`--www=${www}`, ...flags] });
const [cors, none] = await Promise.all([
  start('--cors-allowed-origins=^https://app\\.example$,//localhost(:|$)'),
  start(),
]);
// The API server allows every origin, like a program behind it that sets such fields.
server.intercept((_request, response) => {
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('access-control-allow-credentials', 'true');
  response.setHeader('Access-Control-Expose-Headers', 'Audit-Id');
  return false;
});

const { reached } = requestsReaching(() => server);

/** The Access-Control-* fields of an answer, and how often each occurs. */
function corsFields({ raw }: Answer): string[] {
  const head = raw.slice(0, raw.indexOf('\r\n\r\n'));
  return head.split('\r\n').filter(line => /^access-control-/i.test(line));
}

const fieldsFor = (origin: string) => [
  `Access-Control-Allow-Origin: ${origin}`,
  'Access-Control-Allow-Credentials: true',
  'Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE, PATCH',
  'Access-Control-Allow-Headers: Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since',
  'Access-Control-Expose-Headers: Date',
];
const sorted = (lines: readonly string[]) => lines.map(line => line.toLowerCase()).sort();
const varies = ({ raw }: Answer) => (raw.match(/^vary: origin\b.*\r$/gim) ?? []).length;

/** One answer of every kind, from this program or from the API server. */
const answers: readonly (readonly [number, AttackRequest])[] = [
  [200, { target: pod }],
  [404, { target: `${pod}-none` }],
  [200, { target: '/api/v1/pods' }],
  [200, { target: '/api/v1/pods?watch=true&timeoutSeconds=1' }],
  [405, { method: 'HEAD', target: pod }],
  [404, { method: 'DELETE', target: `${pod}-none` }],
  [200, { target: '/static/resources.txt' }],
  [200, { target: '/static/' }],
  [404, { target: '/static/none' }],
  [200, { target: '/-/livez' }],
  [404, { target: '/-/none' }],
  [403, { target: `${pod}/exec` }],
  [400, { target: `${pod}/../x` }],
  [403, { target: pod, host: ['Host: evil.example'] }],
  [403, { leg: 'websocket', target: `${pod}/exec` }],
  [200, { leg: 'websocket', target: '/version' }],
];

/** All at the same time, because each has a watch of one second. */
function forEachOrigin(origins: readonly string[], check: (origin: string) => Promise<void>) {
  return Promise.all(origins.map(check));
}

describe('an allowed origin', () => {
  it('gets CORS fields in every answer, once, in place of those of the API server', async () => {
    await forEachOrigin([allowed, 'http://localhost:3000'], async origin => {
      for (const [code, request] of answers) {
        const what = JSON.stringify(request);
        const answer = await send(cors.port, { ...request, headers: [`Origin: ${origin}`] });
        assert.equal(answer.code, code, what);
        assert.deepEqual(sorted(corsFields(answer)), sorted(fieldsFor(origin)), what);
        assert.equal(varies(answer), 1, what);
      }
    });
  });

  it('sees errors of the connection to the API server too', async () => {
    const remove = server.intercept(({ socket, url }) => {
      if (url !== '/version?broken') return false;
      socket.destroy();
      return true;
    });
    try {
      const answer = await send(cors.port, { target: '/version?broken', headers: [`Origin: ${allowed}`] });
      assertStatus(answer, 502, 'broken');
      assert.deepEqual(sorted(corsFields(answer)), sorted(fieldsFor(allowed)));
    } finally {
      remove();
    }
  });

  it('gets preflights answered for every path, and none of them reaches the API server', async () => {
    for (const target of [pod, '/version', `${pod}/exec`, '/-/metrics', '/static/']) {
      for (const leg of ['plain', 'websocket'] as const) {
        const headers = [
          `Origin: ${allowed}`,
          'Access-Control-Request-Method: PATCH',
          'Access-Control-Request-Headers: content-type',
          'Sec-Fetch-Site: cross-site',
        ];
        const answer = await send(cors.port, { leg, method: 'OPTIONS', target, headers });
        assert.equal(answer.code, 204, target);
        assert.equal(answer.body, '');
        assert.deepEqual(sorted(corsFields(answer)), sorted(fieldsFor(allowed)), target);
        assert.equal(varies(answer), 1);
      }
    }
    assert.deepEqual(await reached(), []);
  });

  it('gets no preflight answered past the host guard or for an ambiguous path', async () => {
    const request = {
      method: 'OPTIONS',
      headers: [`Origin: ${allowed}`, 'Access-Control-Request-Method: PUT'],
    };
    assertStatus(
      await send(cors.port, { ...request, target: pod, host: ['Host: evil.example'] }),
      403,
      'host',
    );
    assertStatus(await send(cors.port, { ...request, target: `${pod}/./x` }), 400, 'path');
    assert.deepEqual(await reached(), []);
  });
});

describe('every other origin', () => {
  const others = [
    'https://evil.example',
    'null',
    'http://app.example',
    'https://app.example.evil.example',
    'https://APP.example',
  ];

  it('gets no CORS fields, even if the API server sends some, and caches learn that answers differ', async () => {
    await forEachOrigin(others, async origin => {
      for (const [code, request] of answers) {
        if (request.method === 'DELETE' || request.leg !== undefined) continue;
        const answer = await send(cors.port, { ...request, headers: [`Origin: ${origin}`] });
        assert.equal(answer.code, code, request.target);
        assert.deepEqual(corsFields(answer), [], request.target);
        assert.equal(varies(answer), 1);
      }
    });
    const twice = await send(cors.port, {
      target: pod,
      headers: [`Origin: ${allowed}`, `Origin: ${allowed}`],
    });
    assert.deepEqual(corsFields(twice), []);
    assert.deepEqual(corsFields(await send(cors.port, { target: pod })), []);
    assert.equal(varies(await send(cors.port, { target: pod })), 1);
  });

  it('gets its preflights rejected by the proxy', async () => {
    for (const origin of others) {
      const headers = [`Origin: ${origin}`, 'Access-Control-Request-Method: DELETE'];
      const answer = await send(cors.port, { method: 'OPTIONS', target: pod, headers });
      assertStatus(answer, 403, origin);
      assert.deepEqual(corsFields(answer), []);
    }
    assert.deepEqual(await reached(), []);
  });
});

describe('a proxy without --cors-allowed-origins', () => {
  it('sends no CORS field, not even one of the API server', async () => {
    for (const headers of [[], [`Origin: ${allowed}`]]) {
      for (const target of [pod, '/static/resources.txt', '/-/livez', `${pod}/exec`]) {
        const answer = await send(none.port, { target, headers });
        assert.deepEqual(corsFields(answer), [], target);
        assert.equal(varies(answer), 0, target);
      }
    }
    const preflight = { method: 'OPTIONS', target: pod, headers: [`Origin: ${allowed}`] };
    assertStatus(await send(none.port, preflight), 403, 'preflight');
    assert.equal((await sendPlain(none.port, pod)).rawHeaders.includes('Access-Control-Allow-Origin'), false);
  });
});
