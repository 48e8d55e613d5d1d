import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { originList } from '../../src/guard/origin-list.js';
import { RejectedPages } from '../../src/guard/rejected-pages.js';
import { ManualClock } from '../support/manual-clock.js';
import { parsedValue } from '../support/option-value.js';
import { headOf } from './judged-request.js';

const sentence = (name: string) => `a web page of another origin${name} may not do this`;

function create() {
  const clock = new ManualClock(0);
  const logged: { origin: string; reason: string; allow: string | undefined }[] = [];
  const pages = new RejectedPages(clock, { warn: (fields: object) => logged.push(fields as never) } as never);
  const reject = (headers: Record<string, string>, line = 'POST /api') =>
    pages.reject(headOf(line, headers), 'origin', sentence, 'do something else').message;
  return { clock, logged, pages, reject };
}

describe('rejected pages', () => {
  it('get the origin that was seen and the whole line that allows it and no other', () => {
    const { reject, logged } = create();
    assert.equal(
      reject({ origin: 'https://headlamp.example' }),
      'a web page of another origin ("https://headlamp.example") may not do this; if you trust it with all that ' +
        "you can do, add --cors-allowed-origins='^https://headlamp\\.example$' (in the chart: to extraArgs), " +
        'or do something else',
    );
    assert.deepEqual(logged, [
      {
        ...{ origin: 'https://headlamp.example', reason: 'origin' },
        allow: "--cors-allowed-origins='^https://headlamp\\.example$'",
      },
    ]);
    for (const origin of [
      ...[
        'http://localhost:4466',
        'http://[::1]:8001',
        'chrome-extension://abcdefgh',
        'a+b.c://x_y-z.example',
      ],
    ]) {
      const [, source = ''] = /--cors-allowed-origins='(.*)' /.exec(reject({ origin })) ?? [];
      const list = parsedValue(originList, source);
      assert.equal(list.matches(origin), true, origin);
      assert.equal(list.matches(`${origin}1`), false, origin);
      assert.equal(list.matches(origin.replaceAll('.', '-')), !origin.includes('.'), origin);
    }
  });

  it('are named by the Referer of a plain GET, and by nothing where there is no origin', () => {
    const { reject, logged } = create();
    assert.match(reject({ referer: 'https://a.example/b?c' }, 'GET /api'), /\("https:\/\/a\.example"\)/);
    assert.equal(logged.length, 1);
    for (const line of ['GET /api', 'POST /api']) {
      const referer = line === 'GET /api' ? '' : 'https://a.example/';
      assert.equal(
        reject({ 'sec-fetch-site': 'cross-site', referer }, line),
        'a web page of another origin may not do this; allow its origin with --cors-allowed-origins, or do something else',
      );
    }
    assert.equal(logged.length, 1);
  });

  it('get no line that matches nothing, or that does harm to whoever copies it into a shell', () => {
    const { reject, logged } = create();
    for (const origin of ['null', 'file://', '', 'a.example', 'https://a.example, https://b.example']) {
      assert.match(
        reject({ origin }),
        /no pattern of --cors-allowed-origins can name it, but there is --accept-token-pages/,
        origin,
      );
    }
    for (const origin of [
      ...["https://a';id;'.example", 'https://$(id).example', 'https://`id`', 'https://a"b', 'https://a,b'],
      ...['https://a|b', 'https://a*', 'https://\xe4.example', "https://a.example'\x1b[31m", 'HTTPS://A'],
      `https://${'a'.repeat(200)}`,
    ]) {
      const message = reject({ origin });
      assert.doesNotMatch(message, /--cors-allowed-origins=/, origin);
      assert.doesNotMatch(message, /[^\x20-\x7e\xe4]/);
      assert.ok(message.length < 700, origin);
    }
    for (const { allow } of logged) assert.equal(allow, undefined);
  });

  it('are remembered for an hour after the last of an origin, logged once in that time, and at most twenty of them', () => {
    const { clock, logged, pages, reject } = create();
    assert.deepEqual(pages.warnings(), []);
    const a = { origin: 'https://a.example' };
    reject(a);
    clock.advance(3_599_999);
    reject(a);
    clock.advance(3_599_999);
    const [warning] = pages.warnings();
    assert.match(warning?.forCallers ?? '', /: --cors-allowed-origins='\^https:\/\/a\\\.example\$'$/);
    assert.doesNotMatch(warning?.text ?? '', /a\.example/);
    assert.equal(logged.length, 1);
    clock.advance(1);
    assert.deepEqual(pages.warnings(), []);
    reject(a);
    assert.equal(logged.length, 2);
    for (let index = 0; index < 40; index++) reject({ origin: `https://${index}.${'x'.repeat(5_000)}` });
    assert.equal(logged.length, 21);
    for (const { origin } of logged) assert.ok(origin.length <= 200);
    assert.ok((pages.warnings()[0]?.forCallers.length ?? 0) < 300 + 20 * 210);
    // An origin that is remembered stays, whoever comes with new ones.
    reject(a);
    assert.equal(logged.length, 21);
  });
});
