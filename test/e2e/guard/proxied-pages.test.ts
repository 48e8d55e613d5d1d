import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { adminPort } from '../../support/proxy/admin-listener.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { type AnswerHead, startScriptedAnswers, type Way, ways } from '../scripted-answers.js';

// test/proxy/ has the tables of types, fields and cookies, and test/guard/ those of paths: here is one of each kind, on every way.

const sandbox = 'sandbox allow-scripts allow-forms allow-popups allow-downloads';
/** The sandbox of every page of an API server that is not behind a proxy subresource. */
const strict = "sandbox allow-downloads; frame-ancestors 'self'";
const own = "default-src 'self'";

const answers = await startScriptedAnswers({ after });
const { authentication, folder } = answers;
/** Programs with and without authentication, and with each value of the flag. */
const [authenticated, open, optedIn, every] = await Promise.all([
  answers.start(authentication),
  answers.start('--api-prefix=/k8s/', `--www=${folder}`, '--admin-port=0', '--admin-address=127.0.0.1'),
  answers.start('--sandbox-proxied-pages'),
  answers.start(authentication, '--all-contexts', '--sandbox-proxied-pages=false'),
]);

const pod = '/api/v1/namespaces/x/pods/y/proxy';
const group = '/apis/evil.example/v1';
const html = ['Content-Type: text/html', `Content-Security-Policy: ${own}`];
const worker = 'Service-Worker-Allowed: /';

describe('a page behind a proxy subresource', () => {
  it('is sandboxed in addition to its own policy, on both legs and over HTTP/2', async () => {
    for (const way of ways) {
      answers.answer({ lines: [...html, 'X-Content-Type-Options: sniff', worker] });
      for (const target of [
        ...[pod, `${pod}/`, `${pod}/?a=b`, `${pod}/deep/page.html`, `${pod}/api/v1/pods`],
        ...[`${pod}/a%2Fb/%2e%2e;/`, '/api/v1/namespaces/x/services/http:web:80/proxy/'],
        '/api/v1/nodes/n:10250/proxy/metrics',
      ]) {
        const { code, values } = await answers.send(authenticated, { way, target });
        assert.equal(code, 200, target);
        assert.deepEqual(values('content-security-policy'), [own, sandbox], `${way} ${target}`);
        assert.deepEqual(values('x-content-type-options'), ['nosniff']);
        assert.deepEqual(values('service-worker-allowed'), []);
      }
      for (const status of ['302 Found', '401 Unauthorized', '500 Internal Server Error']) {
        answers.answer({ status, lines: [...html, 'Location: /elsewhere'] });
        const { code, values } = await answers.send(authenticated, { way, target: `${pod}/` });
        assert.equal(code, Number(status.slice(0, 3)));
        assert.deepEqual(values('content-security-policy'), [own, sandbox], `${way} ${status}`);
      }
    }
    answers.answer({ lines: html });
    for (const way of ways.filter(way => way === 'plain' || way === 'http2')) {
      for (const method of ['HEAD', 'POST', 'DELETE', 'OPTIONS']) {
        const { values } = await answers.send(authenticated, { way, method, target: `${pod}/` });
        assert.deepEqual(values('content-security-policy'), [own, sandbox], `${way} ${method}`);
      }
    }
  });

  it('in another spelling is also sandboxed as any other page of an API server', async () => {
    answers.answer({ lines: [...html, 'X-Content-Type-Options: sniff'] });
    for (const way of ways) {
      for (const target of [
        ...['/api/v1/namespaces/x/pods/y/PROXY/', '/api/v1/namespaces/x/pods/y/%70roxy/'],
        ...['/api/v1/namespaces/x/pods/y/%2570roxy/', '/api/v1//namespaces/x/pods/y//proxy/', `/${pod}/`],
        ...[`${pod};v=1/`, '/api/v1/namespaces/x/pods/y%2Fproxy/', `${group}/namespaces/x/things/y/proxy/`],
        ...['/api/v1/namespaces/x/services/https%3Aweb%3A443/proxy/', '/api/v1/proxy/namespaces/x/pods/y/'],
      ]) {
        for (const [proxy, expected] of [
          [authenticated, [own, strict, sandbox]],
          [every, [own, strict]],
        ] as const) {
          const { code, values } = await answers.send(proxy, { way, target });
          assert.equal(code, 200, target);
          assert.deepEqual(values('content-security-policy'), expected, `${way} ${target}`);
          assert.deepEqual(values('x-content-type-options'), ['nosniff']);
        }
      }
    }
  });

  it('is as the program sent it unless callers are authenticated or the flag says so', async () => {
    answers.answer({ lines: [...html, 'X-Content-Type-Options: sniff', worker] });
    for (const [proxy, target, policies, sniffing] of [
      [open, `/k8s${pod}/`, [own], 'sniff'],
      [optedIn, `${pod}/`, [own, sandbox], 'nosniff'],
      [every, `${pod}/`, [own], 'sniff'],
      [every, `/clusters/test${pod}/`, [own], 'sniff'],
    ] as const) {
      for (const way of ways) {
        const { values } = await answers.send(proxy, { way, target });
        assert.deepEqual(values('content-security-policy'), policies, `${way} ${target}`);
        assert.deepEqual(values('x-content-type-options'), [sniffing]);
        assert.deepEqual(values('service-worker-allowed'), []);
      }
    }
  });

  it('has another origin if it is sandboxed: its writes and upgrades are rejected, and so is the answer', async () => {
    for (const request of [
      { method: 'POST', target: `${pod}/` },
      { target: `${pod}/`, way: 'websocket' },
      { target: '/api/v1/namespaces/x/pods/y/exec?command=id', way: 'websocket' },
      { method: 'DELETE', target: '/api/v1/namespaces/x/pods/y' },
    ] as const) {
      const before = answers.arrived();
      const { code } = await answers.send(authenticated, { ...request, headers: ['Origin: null'] });
      assert.equal(code, 403, request.target);
      assert.equal(answers.arrived(), before);
    }
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

describe('any other page of an API server', () => {
  it('is sandboxed at every path and mount, over every protocol', async () => {
    answers.answer({ lines: ['Content-Type: text/html; charset=utf-8', 'X-Content-Type-Options: none'] });
    for (const path of [
      ...['/', `${group}/page`, '/api/v1/namespaces/x/pods/y', '/logs/index.html', '/nothing?proxy/'],
      ...['/api/v1/namespaces/x/pods/y/proxyx/', `${group}/namespaces/x/pods/y/proxy/`],
      '/api/v1/namespaces/x/pods/y/%70roxy/',
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

  it('is sandboxed with every method and status, and with or without a length', async () => {
    const lines = [...html, 'Location: /elsewhere', worker];
    const target = `/clusters/test${group}/page`;
    for (const way of ways) {
      for (const status of ['302 Found', '304 Not Modified', '403 No', '500 No']) {
        for (const trailers of [undefined, []] as const) {
          answers.answer({ status, lines, ...(trailers && { trailers }) });
          const answer = await answers.send(every, { way, target });
          assert.equal(answer.code, Number(status.slice(0, 3)));
          assert.deepEqual(answer.values('content-security-policy'), [own, strict], `${way} ${status}`);
          assert.deepEqual(answer.values('service-worker-allowed'), []);
          assertDocument(answer, `${way} ${status}`);
        }
      }
    }
    answers.answer({ lines });
    for (const way of ways.filter(way => way === 'plain' || way === 'http2')) {
      for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'])
        assertDocument(await answers.send(every, { way, method, target: '/logs/a' }), `${way} ${method}`);
    }
  });

  it('is data if no browser renders its type, unless Connection names that', async () => {
    for (const way of ways) {
      const lines = ['Content-Type: application/json', 'X-Content-Type-Options: none'];
      answers.answer({ lines });
      const data = await answers.send(open, { way, target: '/k8s/logs/a' });
      assert.deepEqual(data.values('content-security-policy'), [], way);
      assert.deepEqual(data.values('x-content-type-options'), ['nosniff'], way);
      answers.answer({ lines: [...lines, 'Connection: Content-Type, Content-Security-Policy, keep-alive'] });
      const answer = await answers.send(open, { way, target: '/k8s/logs/a' });
      assert.deepEqual(answer.values('content-type'), []);
      assertDocument(answer, way);
    }
  });
});

describe("the proxy's own answers", () => {
  it('are never guessed to be pages, but for files of --www', async () => {
    answers.answer({});
    await writeFile(join(folder, 'wrong-type'), '<p>');
    const sniffingOf = async (proxy: typeof open, target: string, way: Way, ...headers: string[]) =>
      (await answers.send(proxy, { way, target, headers })).values('x-content-type-options');
    for (const way of ways.filter(way => way === 'plain' || way === 'http2')) {
      for (const target of ['/static/page.html', '/static/wrong-type'])
        assert.deepEqual(await sniffingOf(open, target, way), [], `${way} ${target}`);
      for (const target of [
        ...['/static/missing', '/-/', '/-/metrics', '/-/livez', '/-/clusters', '/-/missing', '/missing'],
        '/k8s/..',
      ])
        assert.deepEqual(await sniffingOf(open, target, way), ['nosniff'], `${way} ${target}`);
    }
    for (const way of ways) {
      for (const target of ['/clusters/nobody/api', '/clusters/test/api', '/api'])
        assert.deepEqual(await sniffingOf(every, target, way, 'Impersonate-User: root'), ['nosniff'], target);
    }
  });

  it('to a method or an expectation that HTTP/2 alone lets through are none either', encrypted, async () => {
    for (const [code, odd] of [
      [400, { method: 'NOTHING' }],
      [417, { headers: ['expect: nothing'] }],
    ] as const) {
      const answer = await answers.send(open, { way: 'http2', target: '/k8s/api', ...odd });
      assert.deepEqual([answer.code, ...answer.values('x-content-type-options')], [code, 'nosniff']);
    }
  });

  it('to what is no request, and those of the admin listener, are none either', async () => {
    for (const bytes of ['GARBAGE\r\n\r\n', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'])
      assert.match(
        await answers.exchange(open, bytes),
        /^HTTP\/1\.1 40[05] [\s\S]*\r\nX-Content-Type-Options: nosniff\r\n/,
      );
    const port = await adminPort(open);
    for (const path of ['/metrics', '/livez', '/missing'])
      assert.equal((await send(port, path)).headers['x-content-type-options'], 'nosniff', path);
  });
});
