import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type AnswerHead, startScriptedAnswers, ways } from '../scripted-answers.js';

// test/proxy/ has the tables of types, fields and cookies, and test/guard/ those of paths: here is one of each kind, on every way.

const sandbox = 'sandbox allow-scripts allow-forms allow-popups allow-downloads';
/** The sandbox of every page of an API server that is not behind a proxy subresource. */
const strict = "sandbox allow-downloads; frame-ancestors 'self'";
const own = "default-src 'self'";

const answers = await startScriptedAnswers({ after });
const { authentication } = answers;
/** Programs with and without authentication. */
const [authenticated, open, every] = await Promise.all([
  answers.start(authentication),
  answers.start('--api-prefix=/k8s/'),
  answers.start(authentication, '--all-contexts', '--sandbox-proxied-pages=false'),
]);

const pod = '/api/v1/namespaces/x/pods/y/proxy';
const html = ['Content-Type: text/html', `Content-Security-Policy: ${own}`];
const worker = 'Service-Worker-Allowed: /';

describe('a page behind a proxy subresource', () => {
  it('is sandboxed in addition to its own policy, on both legs and over HTTP/2', async () => {
    for (const way of ways) {
      answers.answer([...html, 'X-Content-Type-Options: sniff', worker]);
      for (const target of [pod, `${pod}/a%2Fb/%2e%2e;/`, '/api/v1/nodes/n:10250/proxy/metrics']) {
        const { code, values } = await answers.send(authenticated, { way, target });
        assert.equal(code, 200, target);
        assert.deepEqual(values('content-security-policy'), [own, sandbox], `${way} ${target}`);
        assert.deepEqual(values('x-content-type-options'), ['nosniff']);
        assert.deepEqual(values('service-worker-allowed'), []);
      }
    }
  });

  it('is sandboxed even if the answer is a rejection by the proxy', async () => {
    for (const way of ways) {
      const request = { way, target: `${pod}/`, headers: ['Impersonate-User: root'] };
      const { code, values } = await answers.send(authenticated, request);
      assert.deepEqual([code, ...values('content-security-policy')], [403, sandbox], way);
      assert.deepEqual(values('x-content-type-options'), ['nosniff'], way);
    }
  });
});

function assertDocument({ values }: AnswerHead, what: string): void {
  assert.ok(values('content-security-policy').includes(strict), `${what} is not sandboxed`);
  assert.ok(!values('content-security-policy').includes(sandbox), `${what} may run scripts`);
  assert.deepEqual(values('x-content-type-options'), ['nosniff'], what);
}

it('an answer never speaks for the whole origin, and a browser gets only listed fields of it, on every way', async () => {
  const never = ['NEL: {}', 'Strict-Transport-Security: max-age=1', 'Access-Control-Allow-Origin: *'];
  const lines = ['Content-Type: text/plain', ...never, worker, 'Set-Cookie: a=1', 'X-Custom: 1', 'ETag: "a"'];
  answers.answer(lines);
  for (const way of ways) {
    for (const [headers, others] of [
      [[], ['1']],
      [['Sec-Fetch-Site: same-origin'], []],
    ] as const) {
      const { values } = await answers.send(open, { way, target: '/k8s/version', headers });
      for (const line of [...never, worker])
        assert.deepEqual(values(line.slice(0, line.indexOf(':')).toLowerCase()), [], `${way} ${line}`);
      assert.deepEqual([values('x-custom'), values('etag')], [others, ['"a"']], way);
      assert.equal(values('set-cookie').length, others.length, way);
    }
  }
});

describe('any other page of an API server', () => {
  it('is sandboxed at every path and mount, over every protocol', async () => {
    answers.answer(['Content-Type: text/html; charset=utf-8', 'X-Content-Type-Options: none']);
    for (const path of [
      ...['/', '/api/v1/namespaces/x/pods/y/%70roxy/'],
      '/apis/evil.example/v1/namespaces/x/pods/y/proxy/',
    ]) {
      for (const [proxy, mount] of [
        [open, '/k8s'],
        [every, ''],
        [every, '/clusters/test'],
      ] as const) {
        for (const way of path === '/' ? ways : (['plain'] as const)) {
          const answer = await answers.send(proxy, { way, target: mount + path });
          assertDocument(answer, `${way} ${mount}${path}`);
        }
      }
    }
  });

  it('is data if no browser renders its type, unless Connection names that', async () => {
    for (const way of ways) {
      const lines = ['Content-Type: application/json', 'X-Content-Type-Options: none'];
      answers.answer(lines);
      const data = await answers.send(open, { way, target: '/k8s/logs/a' });
      assert.deepEqual(data.values('content-security-policy'), [], way);
      assert.deepEqual(data.values('x-content-type-options'), ['nosniff'], way);
      answers.answer([...lines, 'Connection: Content-Type, Content-Security-Policy, keep-alive']);
      const answer = await answers.send(open, { way, target: '/k8s/logs/a' });
      assert.deepEqual(answer.values('content-type'), []);
      assertDocument(answer, way);
    }
  });
});
