import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { freePort } from '../../support/ports.js';
import { type AnswerHead, startScriptedAnswers, ways } from '../scripted-answers.js';

const strict = "sandbox allow-downloads; frame-ancestors 'self'";
const own = "default-src 'self'";

const answers = await startScriptedAnswers({ after });
const admin = await freePort();
const [open, every] = await Promise.all([
  answers.start('--api-prefix=/k8s/', `--www=${answers.folder}`, `--admin-port=${admin}`),
  answers.start(answers.authentication, '--all-contexts', '--sandbox-proxied-pages=false'),
]);

/** Where no program of a Pod, a Service or a node answers. */
const paths = [
  '/',
  '/apis/evil.example/v1/page',
  '/apis/evil.example/v1/namespaces/x/pages/y',
  '/api/v1/namespaces/x/pods/y',
  '/logs/index.html',
  '/nothing?proxy/',
  '/api/v1/namespaces/x/pods/y/proxyx/',
  '/apis/evil.example/v1/namespaces/x/pods/y/proxy/',
  '/api/v1/namespaces/x/pods/y/%70roxy/',
];
/** The same behind every mount. */
const places = paths.flatMap(path => [
  [open, `/k8s${path}`] as const,
  [every, path] as const,
  [every, `/clusters/test${path}`] as const,
]);

function assertDocument({ values }: AnswerHead, what: string): void {
  assert.ok(values('content-security-policy').includes(strict), `${what} is not sandboxed`);
  assert.deepEqual(values('x-content-type-options'), ['nosniff'], what);
}

function assertPlain({ values }: AnswerHead, what: string): void {
  assert.deepEqual(values('content-security-policy'), [], what);
  assert.deepEqual(values('x-content-type-options'), ['nosniff'], what);
}

describe('a page of an API server', () => {
  it('is sandboxed at every path and mount, over every protocol', async () => {
    answers.answer({ lines: ['Content-Type: text/html; charset=utf-8', 'X-Content-Type-Options: none'] });
    for (const [proxy, target] of places) {
      for (const way of ways) assertDocument(await answers.send(proxy, { way, target }), `${way} ${target}`);
    }
  });

  it('is sandboxed with every method and status, and with or without a length', async () => {
    const lines = ['Content-Type: text/html', 'Location: /elsewhere', `Content-Security-Policy: ${own}`];
    for (const way of ways) {
      for (const status of ['201 Created', '302 Found', '400 Bad', '403 No', '404 No', '500 No', '503 No']) {
        for (const trailers of [undefined, []] as const) {
          answers.answer({ status, lines, ...(trailers && { trailers }) });
          const answer = await answers.send(every, {
            way,
            target: '/clusters/test/apis/evil.example/v1/page',
          });
          assert.equal(answer.code, Number(status.slice(0, 3)));
          assert.deepEqual(answer.values('content-security-policy'), [own, strict], `${way} ${status}`);
          assertDocument(answer, `${way} ${status}`);
        }
      }
    }
    answers.answer({ lines });
    for (const way of ['plain', 'http2'] as const) {
      for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'])
        assertDocument(await answers.send(every, { way, method, target: '/logs/a' }), `${way} ${method}`);
    }
  });

  it('is sandboxed whatever its type is, unless no browser renders that', async () => {
    for (const types of [
      [],
      [''],
      ['text/html'],
      ['TEXT/html'],
      ['text/html;'],
      ['image/svg+xml'],
      ['application/xhtml+xml'],
      ['text/xml'],
      ['application/pdf'],
      ['multipart/x-mixed-replace; boundary=x'],
      ['application'],
      ['application/json text/html'],
      ['application/json, text/html'],
      ['application/json;a=",",text/html'],
      ['application/json', 'text/html'],
      ['text/html', 'application/json'],
    ]) {
      answers.answer({ lines: types.map(type => `Content-Type: ${type}`) });
      for (const way of ways)
        assertDocument(
          await answers.send(open, { way, target: '/k8s/logs/a' }),
          `${way} ${types.join(' + ')}`,
        );
    }
  });

  it('is sandboxed if Connection names the type, which then does not reach the browser', async () => {
    answers.answer({
      lines: [
        ...['Connection: Content-Type, X-Content-Type-Options, Content-Security-Policy, keep-alive'],
        ...['Content-Type: application/json', 'X-Content-Type-Options: none'],
      ],
    });
    for (const way of ways) {
      const answer = await answers.send(open, { way, target: '/k8s/logs/a' });
      assert.deepEqual(answer.values('content-type'), []);
      assertDocument(answer, way);
    }
  });

  it('stays sandboxed if an answer without a body changes what a browser has stored of it', async () => {
    const lines = ['Content-Type: application/json', 'Content-Security-Policy: default-src *', 'ETag: "a"'];
    for (const status of ['304 Not Modified', '206 Partial Content']) {
      answers.answer({ status, lines });
      for (const way of ways) {
        const request = { way, target: '/k8s/logs/a', headers: ['If-None-Match: "a"'] };
        const answer = await answers.send(open, request);
        assert.equal(answer.code, Number(status.slice(0, 3)));
        assert.deepEqual(answer.values('content-security-policy'), ['default-src *', strict], way);
      }
    }
  });
});

describe('data of an API server', () => {
  it('are not sandboxed, and not guessed to be a page, over every protocol', async () => {
    for (const type of [
      'application/json',
      'APPLICATION/JSON; charset=utf-8',
      'application/json;stream=watch',
      'application/problem+json',
      'application/vnd.kubernetes.protobuf;stream=watch',
      'application/cbor-seq',
      'application/yaml',
      'text/plain; version=0.0.4; charset=utf-8; escaping=underscores',
      'application/openmetrics-text; version=1.0.0',
      'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
    ]) {
      answers.answer({ lines: [`Content-Type: ${type}`, 'X-Content-Type-Options: none'] });
      for (const way of ways)
        assertPlain(await answers.send(open, { way, target: '/k8s/logs/a' }), `${way} ${type}`);
    }
  });
});

describe('the path of the server’s URL', () => {
  it('comes before the proxy subresource where clients send it', async t => {
    const below = await startScriptedAnswers(t, { serverPath: '/k8s/c-1' });
    const [sent, added] = await Promise.all([below.start(), below.start('--append-server-path')]);
    below.answer({ lines: ['Content-Type: text/html'] });
    const page = '/api/v1/namespaces/x/pods/y/proxy/';
    for (const way of ways) {
      for (const [proxy, target, policies] of [
        [sent, `/k8s/c-1${page}`, []],
        [sent, page, [strict]],
        [sent, `/k8s/c-11${page}`, [strict]],
        [sent, `/k8s/c%2d1${page}`, [strict]],
        [sent, `//k8s/c-1${page}`, [strict]],
        [added, page, []],
        [added, `/k8s/c-1${page}`, [strict]],
      ] as const) {
        const { code, values } = await below.send(proxy, { way, target });
        assert.equal(code, 200);
        assert.deepEqual(values('content-security-policy'), policies, `${way} ${target}`);
      }
    }
  });
});

describe("the proxy's own answers", () => {
  it('are never guessed to be pages, but for files of --www', async () => {
    answers.answer({});
    await writeFile(join(answers.folder, 'wrong-type'), '<p>');
    for (const [target, sniffing] of [
      ['/static/page.html', []],
      ['/static/wrong-type', []],
      ['/static/missing', ['nosniff']],
      ['/-/', ['nosniff']],
      ['/-/metrics', ['nosniff']],
      ['/-/livez', ['nosniff']],
      ['/-/clusters', ['nosniff']],
      ['/-/kubeconfig', ['nosniff']],
      ['/-/ui/', ['nosniff']],
      ['/-/missing', ['nosniff']],
      ['/missing', ['nosniff']],
      ['/k8s/..', ['nosniff']],
    ] as const) {
      for (const way of ways) {
        const { values } = await answers.send(open, { way, target });
        assert.deepEqual(values('x-content-type-options'), sniffing, `${way} ${target}`);
      }
    }
    for (const target of ['/clusters/nobody/api', '/clusters/test/api', '/api'])
      for (const way of ways) {
        const headers = ['Impersonate-User: root'];
        const { code, values } = await answers.send(every, { way, target, headers });
        assert.deepEqual([code, ...values('x-content-type-options')], [403, 'nosniff'], `${way} ${target}`);
      }
  });

  it('to what is no request, and those of the admin listener, are none either', async () => {
    for (const bytes of ['GARBAGE\r\n\r\n', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'])
      assert.match(
        await answers.exchange(open, bytes),
        /^HTTP\/1\.1 40[05] [\s\S]*\r\nX-Content-Type-Options: nosniff\r\n/,
      );
    const method = await answers.send(open, { way: 'http2', method: 'NOTHING', target: '/k8s/api' });
    assert.deepEqual([method.code, ...method.values('x-content-type-options')], [400, 'nosniff']);
    const expectation = await answers.send(open, {
      ...{ way: 'http2', target: '/k8s/api', headers: ['expect: nothing'] },
    });
    assert.deepEqual([expectation.code, ...expectation.values('x-content-type-options')], [417, 'nosniff']);
    for (const path of ['/metrics', '/livez', '/missing']) {
      const sniffing = await new Promise((resolve, reject) => {
        request({ port: admin, path }, response => {
          response.resume();
          resolve(response.headers['x-content-type-options']);
        })
          .on('error', reject)
          .end();
      });
      assert.equal(sniffing, 'nosniff', path);
    }
  });
});
