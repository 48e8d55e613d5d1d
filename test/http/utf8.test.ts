import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8Text } from '../../src/http/utf8.js';

describe('UTF-8', () => {
  it('is decoded', () => {
    for (const text of [
      '',
      'plain',
      'größe',
      '€',
      '😀',
      '\u0080\u07ff\u0800\ud7ff\ue000\uffff',
      '\u{10000}\u{10ffff}',
      '\ufffd',
    ]) {
      assert.equal(utf8Text(Buffer.from(text).toString('latin1')), text);
    }
  });

  // Go: []rune(string) of the same bytes.
  const rows: readonly (readonly [bytes: string, text: string])[] = [
    ['\xff', '\ufffd'],
    ['a\xe2\x82b', 'a\ufffd\ufffdb'],
    ['\xf0\x9f\x98', '\ufffd\ufffd\ufffd'],
    ['\xf0\x9f\x98\xf0\x9f\x98\x80', '\ufffd\ufffd\ufffd😀'],
    ['\xc3', '\ufffd'],
    ['\x80\xc3\xa9\x80', '\ufffdé\ufffd'],
    ['\xed\xa0\x80', '\ufffd\ufffd\ufffd'],
    ['\xc0\xaf', '\ufffd\ufffd'],
    ['\xe0\x80\xaf', '\ufffd\ufffd\ufffd'],
    ['\xf4\x90\x80\x80', '\ufffd\ufffd\ufffd\ufffd'],
    ['\xf5\x80', '\ufffd\ufffd'],
    ['\xef\xbf\xbd\xff', '\ufffd\ufffd'],
  ];
  for (const [bytes, text] of rows) {
    it(`has one U+FFFD for each byte that belongs to no character: ${JSON.stringify(bytes)}`, () => {
      assert.equal(utf8Text(bytes), text);
    });
  }

  it('takes linear time', () => {
    const length = 1_000_000;
    assert.equal(utf8Text('\xe2\x82'.repeat(length / 2)).length, length);
  });
});
