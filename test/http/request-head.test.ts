import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestHead } from '../../src/http/request-head.js';

const headOf = (...rawHeaders: string[]) => new RequestHead({ method: 'GET', rawHeaders });

/** Each field that is read, and the property that has its value. */
const fields = [
  ['Host', 'host'],
  ['Origin', 'origin'],
  ['Referer', 'referer'],
  ['Sec-Fetch-Site', 'fetchSite'],
  ['Sec-Fetch-Mode', 'fetchMode'],
  ['Sec-Fetch-Dest', 'fetchDest'],
  ['Authorization', 'authorization'],
  ['Sec-WebSocket-Protocol', 'webSocketProtocols'],
  ['Content-Length', 'contentLength'],
  ['Transfer-Encoding', 'transferEncoding'],
  ['X-Request-Id', 'requestId'],
  ['Traceparent', 'traceparent'],
] as const;

describe('the head of a request', () => {
  it('has each field in any case, and all its lines as one list, and takes no other name for one of them', () => {
    for (const [name, property] of fields) {
      for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
        assert.equal(headOf('Accept', '*/*', spelling, 'a')[property], 'a', spelling);
        assert.equal(headOf(spelling, 'a', 'X', 'y', name, 'b, c')[property], 'a, b, c', spelling);
        assert.equal(headOf(spelling, '')[property], '', spelling);
      }
    }
    assert.equal(headOf('UPGRADE', 'a', 'Upgrade', 'b').upgradeProtocol, 'a, b');
    assert.equal(headOf('host', 'a', 'HOST', 'a').hosts, 2);
    for (const name of ['Purpose', 'SEC-PURPOSE']) assert.equal(headOf(name, '').isPrefetch, true);
    assert.deepEqual([headOf('COOKIE', '').hasCookie, headOf('Cookies', 'a').hasCookie], [true, false]);
    for (const [name, property] of fields) {
      const others = [`${name}s`, `X-${name}`, name.slice(1), `${name} `, `${name}_`, '__proto__'];
      for (const other of others) assert.equal(headOf(other, 'a')[property], undefined, other);
      if (name.includes('-')) assert.equal(headOf(name.replaceAll('-', '_'), 'a')[property], undefined);
    }
    const none = headOf('Hosts', 'a', 'Upgrade-Insecure-Requests', '1', 'X-Purpose', 'prefetch');
    assert.deepEqual([none.hosts, none.upgradeProtocol, none.isPrefetch], [0, '', false]);
  });

  it('keeps little of a field with many lines, and says which rules would read only a part', () => {
    const line = 'x'.repeat(600);
    for (const [name, property] of fields) {
      const head = headOf(...Array.from({ length: 100 }, () => [name, line]).flat());
      const isRecorded = property === 'requestId' || property === 'traceparent';
      // Only upgrades read it, over HTTP/1.1.
      const isWhole = property === 'webSocketProtocols';
      assert.equal(head[property]?.length, isRecorded ? 128 : isWhole ? 60_198 : 600, name);
      assert.equal(head.tooLong, isRecorded || isWhole ? undefined : name.toLowerCase());
      assert.equal(headOf(name, line.repeat(100)).tooLong, undefined, 'one line of any length');
    }
    const cookie = (length: number, httpVersion: string) =>
      new RequestHead({ method: 'GET', httpVersion, rawHeaders: ['cookie', 'x'.repeat(length)] }).tooLong;
    assert.equal(cookie(16_384, '2.0'), undefined);
    assert.equal(cookie(16_385, '2.0'), 'cookie');
    assert.equal(cookie(100_000, '1.1'), undefined);
  });

  it('may be from a browser if it says where it comes from, or asks for a page', () => {
    for (const [name, value] of [
      ...['Origin', 'Sec-Fetch-Site', 'sec-fetch-MODE', 'SEC-FETCH-USER', 'Sec-Fetch-Next'].map(name => [
        name,
        '',
      ]),
      ...['text/html', '*/*,TEXT/HTML;q=0.9', 'application/xhtml+xml, text/html'].map(value => [
        'ACCEPT',
        value,
      ]),
    ] as const) {
      assert.equal(
        headOf('Accept', '*/*', name as string, value as string, 'X', 'y').mayBeBrowser,
        true,
        name,
      );
    }
    const program = [
      ...['Accept', 'application/json;as=Table, */*', 'Origins', 'x', 'X-Sec-Fetch-Site', 'x', 'X'],
      'text/html',
    ];
    assert.equal(headOf(...program, 'Referer', 'http://x/', 'User-Agent', 'Mozilla/5.0').mayBeBrowser, false);
  });

  it('has of Origin no path, if it is one URL', () => {
    const origins = ['http://a.example:80', 'HTTP+x.1-y://A', 's://[::1]'];
    for (const origin of origins) assert.equal(headOf('Origin', `${origin}/b/c?d#@\\`).origin, origin);
    const others = ['', '/', ' ', '/ b', '/b,http://c/d', '?/b', '@c/d', '#/b', ',c/d', '\\/b'];
    for (const other of [...others.map(rest => `http://a${rest}`), 'x http://a/b', '1a://b/c', 'http:///b'])
      assert.equal(headOf('Origin', other).origin, other === 'http://a/' ? 'http://a' : other);
  });

  it('announces a body by the fields as they were sent, not as Node keeps them', () => {
    const announces = (...rawHeaders: string[]) => headOf(...rawHeaders).hasBody;
    assert.equal(announces('CONTENT-LENGTH', '5'), true);
    assert.equal(announces('transfer-encoding', 'chunked'), true);
    assert.equal(announces('Transfer-Encoding', ''), true);
    assert.equal(announces('Content-Length', '0', 'Content-Length', '5'), true);
    assert.equal(announces('Content-Length', '0'), false);
    assert.equal(announces('Content-Type', 'text/plain'), false);
  });

  it('asks for an upgrade if the parser has seen one, and not for HTTP/2', () => {
    const asks = (upgrade: boolean, protocol: string) =>
      new RequestHead({ method: 'GET', upgrade, rawHeaders: ['UPGRADE', protocol] }).asksForUpgrade;
    assert.equal(asks(true, 'websocket'), true);
    assert.equal(asks(true, 'SPDY/3.1'), true);
    assert.equal(asks(false, 'websocket'), false);
    for (const other of ['h2x', 'xh2', 'h2c2']) assert.equal(asks(true, other), true, other);
    for (const http2 of ['h2c', 'H2', 'websocket, h2c', 'h2 x', 'h2c,websocket', 'h2/1'])
      assert.equal(asks(true, http2), false, http2);
    for (const [httpVersion, asks] of [
      ['1.1', true],
      ['1.0', false],
    ] as const) {
      const head = new RequestHead({
        method: 'GET',
        upgrade: true,
        httpVersion,
        rawHeaders: ['Upgrade', 'websocket'],
      });
      assert.equal(head.asksForUpgrade, asks, httpVersion);
    }
  });
});
