import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { adminPort } from '../../support/proxy/admin-listener.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { type AnswerHead, startScriptedAnswers, ways } from '../scripted-answers.js';

const strict = "sandbox allow-downloads; frame-ancestors 'self'";
const own = "default-src 'self'";

const answers = await startScriptedAnswers({ after });
const [open, every] = await Promise.all([
  answers.start('--api-prefix=/k8s/', `--www=${answers.folder}`, '--admin-port=0'),
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
/** The same behind every mount; the first path behind each comes first. */
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
    for (const [proxy, target] of places)
      assertDocument(await answers.send(proxy, { target }), `plain ${target}`);
    for (const [proxy, target] of places.slice(0, 3)) {
      for (const way of ways) assertDocument(await answers.send(proxy, { way, target }), `${way} ${target}`);
    }
  });

  it('is sandboxed with every method and status, and with or without a length', async () => {
    const lines = ['Content-Type: text/html', 'Location: /elsewhere', `Content-Security-Policy: ${own}`];
    const target = '/clusters/test/apis/evil.example/v1/page';
    for (const way of ways) {
      for (const status of ['302 Found', '304 Not Modified', '403 No', '500 No']) {
        for (const trailers of [undefined, []] as const) {
          answers.answer({ status, lines, ...(trailers && { trailers }) });
          const answer = await answers.send(every, { way, target });
          assert.equal(answer.code, Number(status.slice(0, 3)));
          assert.deepEqual(answer.values('content-security-policy'), [own, strict], `${way} ${status}`);
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
      assertPlain(await answers.send(open, { way, target: '/k8s/logs/a' }), way);
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
    await writeFile(join(answers.folder, 'wrong-type'), '<p>');
    for (const [target, sniffing] of [
      ['/static/page.html', []],
      ['/static/wrong-type', []],
      ['/static/missing', ['nosniff']],
      ['/-/', ['nosniff']],
      ['/-/metrics', ['nosniff']],
      ['/-/livez', ['nosniff']],
      ['/-/clusters', ['nosniff']],
      ['/-/missing', ['nosniff']],
      ['/missing', ['nosniff']],
      ['/k8s/..', ['nosniff']],
    ] as const) {
      for (const way of ways.filter(way => way === 'plain' || way === 'http2')) {
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
    for (const path of ['/metrics', '/livez', '/missing']) {
      const sniffing = await new Promise((resolve, reject) => {
        request({ port, path }, response => {
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
