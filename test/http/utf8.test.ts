import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8Text } from '../../src/http/percent-encoding.js';

/** The text, by a try of each length of a character at each place. */
function byCharacters(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find(count => {
      const slice = bytes.subarray(at, at + count);
      const character = slice.toString();
      return [...character].length === 1 && Buffer.from(character).equals(slice);
    });
    text += length === undefined ? '\ufffd' : bytes.subarray(at, at + length).toString();
    at += length ?? 1;
  }
  return text;
}

describe('UTF-8', () => {
  it('is decoded', () => {
    const edges = ['\u0080\u07ff\u0800\ud7ff\ue000\uffff', '\u{10000}\u{10ffff}', '\ufffd'];
    for (const text of ['', 'plain', 'größe', '€', '😀', ...edges]) {
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
  it('has one U+FFFD for each byte that belongs to no character', () => {
    for (const [bytes, text] of rows) assert.equal(utf8Text(bytes), text, JSON.stringify(bytes));
  });

  it('has one U+FFFD for each such byte, in all combinations of bytes at the ends of their ranges', () => {
    const edges = [
      ...[0x00, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xdf, 0xe0, 0xe1],
      ...[0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff],
    ];
    for (const first of edges)
      for (const second of edges)
        for (const third of edges)
          for (const rest of [[], [0x41], [0x7f], [0x80], [0xbf], [0xc0], [0xff, 0xc3, 0xa9]]) {
            const bytes = Buffer.from([first, second, third, ...rest]);
            if (utf8Text(bytes.toString('latin1')) !== byCharacters(bytes))
              assert.fail(bytes.toString('hex'));
          }
  });

  it('takes linear time', () => {
    const length = 1_000_000;
    assert.equal(utf8Text('\xe2\x82'.repeat(length / 2)).length, length);
  });
});
