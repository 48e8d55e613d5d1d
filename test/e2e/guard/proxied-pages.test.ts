import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startScriptedAnswers, ways } from '../scripted-answers.js';

const sandbox = 'sandbox allow-scripts allow-forms allow-popups allow-downloads';
/** The sandbox of every other page of an API server. */
const strict = "sandbox allow-downloads; frame-ancestors 'self'";
const own = "default-src 'self'";
const page = '/api/v1/namespaces/x/pods/y/proxy/';

/** The proxy subresource of the core group in its plain spelling. */
const proxied = [
  page,
  page.slice(0, -1),
  `${page}?a=b`,
  `${page}deep/page.html`,
  `${page}api/v1/pods`,
  `${page}a%2Fb/%2e%2e;/`,
  '/api/v1/namespaces/x/pods/https:y:8443/proxy/',
  '/api/v1/namespaces/x/services/http:web:80/proxy/',
  '/api/v1/nodes/n/proxy/logs/',
  '/api/v1/nodes/n:10250/proxy/metrics',
];
/** What else the API server, or a server before it, may read as a proxy subresource. */
const respelled = [
  ...['/api/v1/namespaces/x/pods/y/PROXY/', '/api/v1/namespaces/x/pods/y/%70roxy/'],
  ...['/api/v1/namespaces/x/pods/y/%2570roxy/', '/api/v1//namespaces/x/pods/y//proxy/'],
  ...['//api/v1/namespaces/x/pods/y/proxy/', '/api/v1/namespaces/x/pods/y/proxy;v=1/'],
  ...['/api/v1/namespaces/x/pods/y%2Fproxy/', '/api/v1/namespaces/x/services/https%3Aweb%3A443/proxy/'],
  ...['/api/v1/proxy/namespaces/x/pods/y/', '/apis/example.com/v1/namespaces/x/things/y/proxy/'],
];
const others = [
  '/version',
  '/api/v1/namespaces/x/pods/y',
  '/api/v1/namespaces/x/pods/y/log',
  '/api/v1/namespaces/x/pods/my-proxy',
  '/api/v1/namespaces/x/pods?labelSelector=app/proxy/',
];
const html = ['Content-Type: text/html', `Content-Security-Policy: ${own}`];
const sniffed = 'X-Content-Type-Options: sniff';

const answers = await startScriptedAnswers({ after });
const { authentication } = answers;
/** Programs with and without authentication, and with each value of the flag. */
const [authenticated, open, optedIn, optedOut] = await Promise.all([
  answers.start(authentication),
  answers.start(),
  answers.start('--sandbox-proxied-pages'),
  answers.start(authentication, '--sandbox-proxied-pages=false'),
]);

test('every answer of a proxy subresource is sandboxed in addition to its own policy, on both legs and over HTTP/2', async () => {
  for (const way of ways) {
    for (const target of proxied) {
      answers.answer({ lines: [...html, sniffed, 'Service-Worker-Allowed: /'] });
      for (const method of way === 'http2' ? ['GET', 'HEAD'] : ['GET']) {
        const { code, values } = await answers.send(authenticated, { way, method, target });
        assert.equal(code, 200, target);
        assert.deepEqual(values('content-security-policy'), [own, sandbox], `${way} ${target}`);
        assert.deepEqual(values('x-content-type-options'), ['nosniff']);
        assert.deepEqual(values('service-worker-allowed'), []);
      }
    }
    for (const status of ['302 Found', '401 Unauthorized', '404 Not Found', '500 Internal Server Error']) {
      answers.answer({ status, lines: [...html, 'Location: /elsewhere'] });
      const { code, values } = await answers.send(authenticated, { way, target: page });
      assert.equal(code, Number(status.slice(0, 3)));
      assert.deepEqual(values('content-security-policy'), [own, sandbox], `${way} ${status}`);
    }
  }
  answers.answer({ lines: html });
  for (const method of ['HEAD', 'POST', 'DELETE', 'OPTIONS']) {
    const { values } = await answers.send(authenticated, { method, target: page });
    assert.deepEqual(values('content-security-policy'), [own, sandbox], method);
  }
});

test('in another spelling it is also sandboxed as any other page of an API server, whatever the flag says', async () => {
  answers.answer({ lines: [...html, sniffed] });
  for (const way of ways) {
    for (const target of respelled) {
      for (const [proxy, expected] of [
        [authenticated, [own, strict, sandbox]],
        [optedIn, [own, strict, sandbox]],
        [open, [own, strict]],
        [optedOut, [own, strict]],
      ] as const) {
        const { code, values } = await answers.send(proxy, { way, target });
        assert.equal(code, 200, target);
        assert.deepEqual(values('content-security-policy'), expected, `${way} ${target}`);
        assert.deepEqual(values('x-content-type-options'), ['nosniff']);
      }
    }
  }
  // The sandbox of the subresource stays where a type is never rendered.
  answers.answer({ lines: ['Content-Type: text/plain'] });
  for (const target of respelled) {
    const { values } = await answers.send(authenticated, { target });
    assert.deepEqual(values('content-security-policy'), [sandbox], target);
  }
});

test("the proxy's own rejections of a proxy subresource are sandboxed too", async () => {
  for (const way of ways) {
    const { code, values } = await answers.send(authenticated, {
      ...{ way, target: page, headers: ['Impersonate-User: root'] },
    });
    assert.equal(code, 403);
    assert.deepEqual(values('content-security-policy'), [sandbox], way);
    assert.deepEqual(values('x-content-type-options'), ['nosniff'], way);
  }
});

test('other answers never have the sandbox that lets scripts run, and none lets a service worker leave its folder', async () => {
  answers.answer({ lines: [...html, 'Service-Worker-Allowed: /'] });
  for (const way of ways) {
    for (const target of others) {
      const { values } = await answers.send(authenticated, { way, target });
      assert.deepEqual(values('content-security-policy'), [own, strict], `${way} ${target}`);
      assert.deepEqual(values('service-worker-allowed'), []);
    }
  }
});

test('pages are sandboxed if callers are authenticated or the flag says so, and are else as the program sent them', async () => {
  answers.answer({ lines: [...html, sniffed, 'Service-Worker-Allowed: /'] });
  for (const [proxy, policies, sniffing] of [
    [open, [own], 'sniff'],
    [optedIn, [own, sandbox], 'nosniff'],
    [optedOut, [own], 'sniff'],
  ] as const) {
    for (const way of ways) {
      for (const target of proxied) {
        const { values } = await answers.send(proxy, { way, target });
        assert.deepEqual(values('content-security-policy'), policies, `${way} ${target}`);
        assert.deepEqual(values('x-content-type-options'), [sniffing]);
        assert.deepEqual(values('service-worker-allowed'), []);
      }
    }
  }
});

test('requests of a sandboxed page have another origin: its writes and upgrades are rejected', async () => {
  for (const request of [
    { method: 'POST', target: page },
    { target: page, way: 'websocket' },
    { target: '/api/v1/namespaces/x/pods/y/exec?command=id', way: 'websocket' },
    { method: 'DELETE', target: '/api/v1/namespaces/x/pods/y' },
  ] as const) {
    const before = answers.arrived();
    const { code } = await answers.send(authenticated, { ...request, headers: ['Origin: null'] });
    assert.equal(code, 403, request.target);
    assert.equal(answers.arrived(), before);
  }
});
