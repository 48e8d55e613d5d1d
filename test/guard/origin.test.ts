import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { createOriginCheck } from '../../src/guard/origin.js';
import { headOf, infoOf, rejectedPages, rejectionOf } from './judged-request.js';

type Headers = Readonly<Record<string, string>>;

const guard = createOriginCheck({ matches: origin => origin === 'https://app.example' }, rejectedPages());
const host = '127.0.0.1:8001';
const pod = '/api/v1/namespaces/a/pods/web';
const upgrade = { upgrade: 'websocket' };

/** All kinds of requests with which a page could do harm: writes, connects, upgrades. */
const harmful: readonly (readonly [string, Headers])[] = [
  ['POST /api/v1/namespaces/a/pods', { 'content-type': 'text/plain' }],
  ['POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {}],
  [`DELETE ${pod}`, {}],
  [`OPTIONS ${pod}`, {}],
  [`GET ${pod}/exec?command=id`, upgrade],
  [`GET ${pod}/exec?command=id`, {}],
  ['GET /api/v1/namespaces/a/services/web/proxy/delete-all', {}],
  ['GET /api/v1/pods?watch=true', upgrade],
  [`GET ${pod}/log?follow=true`, upgrade],
  ['GET /version', upgrade],
  ['GET /api/v1//pods', {}],
];
const reads = [`GET ${pod}`, `HEAD ${pod}`, 'GET /api/v1/pods?watch=true', 'GET /version', `GET ${pod}/log`];

function judge(line: string, headers: Headers, socket: object = {}) {
  const request = { head: headOf(line, { host, ...headers }), raw: { socket } as IncomingMessage };
  return rejectionOf(() => guard(request, infoOf(line)));
}

function passes(headers: Headers, socket?: object): void {
  for (const [line, more] of [...harmful, ...reads.map(line => [line, {}] as const)]) {
    assert.equal(
      judge(line, { ...more, ...headers }, socket)?.message,
      undefined,
      `${line} ${JSON.stringify(headers)}`,
    );
  }
}

function refuses(headers: Headers, socket?: object): void {
  for (const [line, more] of harmful) {
    const refusal = judge(line, { ...more, ...headers }, socket);
    assert.equal(refusal?.reason, 'origin', `${line} ${JSON.stringify(headers)}`);
    assert.match(refusal.message, /--cors-allowed-origins/);
  }
  for (const line of reads) assert.equal(judge(line, headers, socket), undefined, line);
}

describe('the origin guard', () => {
  it('lets a page of the same origin or of an allowed one send any request, and requests that no page has sent', () => {
    passes({ origin: `http://${host}` });
    passes({ origin: `http://${host}`, 'sec-fetch-site': 'same-origin' });
    passes({ origin: 'HTTP://LOCALHOST:8001', host: 'LocalHost:8001' });
    passes({ origin: 'http://[::1]:8001', host: '[::1]:8001' });
    passes({ origin: 'http://gw.example', host: 'gw.example' });
    passes({ origin: 'http://gw.example', host: 'gw.example:80' });
    passes({ origin: 'https://gw.example', host: 'gw.example:443' }, { encrypted: true });
    for (const allowed of [`http://${host}`, 'https://app.example']) passes({ origin: `${allowed}/a?b` });
    for (const headers of [{}, { 'sec-fetch-site': 'none' }, { 'sec-fetch-site': 'same-origin' }])
      passes(headers);
    for (const site of ['cross-site', 'same-site', 'same-origin', 'none', 'x']) {
      passes({ origin: 'https://app.example', 'sec-fetch-site': site });
    }
  });

  it('rejects upgrades, writes and connects of pages from other origins and sites, but accepts reads, whose answers they do not see', () => {
    for (const origin of [
      ...['http://evil.example', 'https://evil.example', 'http://127.0.0.1'],
      ...['http://127.0.0.1:8002', 'http://localhost:8001', 'http://127.0.0.1.evil.example:8001'],
      ...['http://evil.example:8001', 'https://127.0.0.1:8001', 'ws://127.0.0.1:8001', 'null', ''],
      ...['file://', 'chrome-extension://abcdefgh', '127.0.0.1:8001', 'http:127.0.0.1:8001'],
      ...['http://127.0.0.1:8001?/path', 'http://127.0.0.1:8001#/path', 'http://127.0.0.1:8001\\/path'],
      ...[
        'https://evil.example/http://127.0.0.1:8001/',
        'https://u@app.example/',
        'null/',
        '//app.example/',
        '/',
      ],
      ...['https://app.example/,https://evil.example', 'https://app.example/ https://app.example'],
      ...['https://app.example/, https://app.example/', 'https://app.example.evil.example/', 'file:///a'],
      'http://127.0.0.1:8001 http://evil.example',
      'http://127.0.0.1:8001, http://127.0.0.1:8001',
      ...['https://app.example, http://127.0.0.1:8001', 'http://u@127.0.0.1:8001'],
      ...['http://127.0.0.1:8001\\@evil.example', 'http://127.0.0.1:08001'],
      ...['http://127.1:8001', '*'],
    ]) {
      refuses({ origin });
      for (const site of ['none', 'cross-site', 'same-site']) refuses({ origin, 'sec-fetch-site': site });
    }
    refuses({ origin: 'http://evil.example', 'sec-fetch-site': 'same-origin' });
    for (const site of [
      ...['cross-site', 'same-site', '', 'None', 'none, none', 'same-origin, cross-site', 'x'],
    ]) {
      refuses({ 'sec-fetch-site': site });
      refuses({ origin: `http://${host}`, 'sec-fetch-site': site });
    }
    // Chromium says so of what the speculation rules of any page prefetch.
    refuses({ 'sec-fetch-site': 'none', 'sec-purpose': 'prefetch' });
  });

  it('recognises a page of its own origin by the scheme of the listener, or behind a TLS terminator if the browser reports the same origin', () => {
    refuses({ origin: 'https://gw.example', host: 'gw.example' });
    refuses({ origin: 'http://gw.example', host: 'gw.example' }, { encrypted: true });
    refuses(
      { origin: 'http://gw.example', host: 'gw.example', 'sec-fetch-site': 'same-origin' },
      { encrypted: true },
    );
    passes({ origin: 'https://gw.example', host: 'gw.example', 'sec-fetch-site': 'same-origin' });
    passes({ origin: 'https://gw.example:8443', host: 'gw.example:8443', 'sec-fetch-site': 'same-origin' });
    refuses({ origin: 'https://gw.example', host: 'gw.example:80', 'sec-fetch-site': 'same-origin' });
    refuses({ origin: 'https://evil.example', host: 'gw.example', 'sec-fetch-site': 'same-origin' });
    // A port that begins with the default one of its scheme is another port.
    refuses({ origin: 'http://127.0.0.1:8001', host: '127.0.0.101' });
    refuses({ origin: 'https://127.0.0.1:4431', host: '127.0.0.11' }, { encrypted: true });
  });

  it('accepts what an allowed page embeds of a proxy subresource, which only its Referer says', () => {
    const embedded = { referer: 'https://app.example/page', 'sec-fetch-site': 'cross-site' };
    const proxied = 'GET /api/v1/namespaces/a/services/web/proxy/dashboard';
    assert.equal(judge(proxied, embedded), undefined);
    assert.equal(judge(`${proxied}/a//b;c`, embedded), undefined);
    for (const [line, headers] of harmful) {
      if (line.includes('/proxy/')) continue;
      assert.equal(judge(line, { ...headers, ...embedded })?.reason, 'origin', line);
    }
    for (const line of [proxied.replace('GET', 'HEAD'), proxied.replace('GET', 'POST')])
      assert.equal(judge(line, embedded)?.reason, 'origin', line);
    assert.equal(judge('GET /api/v1//namespaces/a/services/web%2Fx/proxy', embedded)?.reason, 'origin');
    for (const more of [
      { upgrade: 'websocket' },
      { origin: 'null' },
      { origin: 'https://evil.example' },
      { referer: 'https://evil.example/' },
      { referer: `http://${host}/` },
    ] as Headers[]) {
      assert.equal(judge(proxied, { ...embedded, ...more })?.reason, 'origin', JSON.stringify(more));
    }
  });

  it('recognises no page by a request without a Host', () => {
    const head = headOf('POST /api/v1/pods', { origin: 'http://' });
    const request = { head, raw: { socket: {} } as IncomingMessage };
    assert.equal(rejectionOf(() => guard(request, infoOf('POST /api/v1/pods')))?.reason, 'origin');
  });
});
