import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { percentDecoded, unescapedText } from '../../src/http/percent-encoding.js';

const decoded = (text: string) => percentDecoded(text).toString('latin1');

describe('percent-encoding', () => {
  it('is decoded once, from the beginning, where two hexadecimal digits follow', () => {
    for (let first = 0; first < 256; first++) {
      for (let second = 0; second < 256; second++) {
        const digits = String.fromCharCode(first, second);
        const isEscape = /^[0-9a-f]{2}$/i.test(digits);
        const expected = isEscape ? String.fromCharCode(Number.parseInt(digits, 16)) : `%${digits}`;
        if (decoded(`%${digits}`) !== expected) assert.fail(`%${digits} is ${decoded(`%${digits}`)}`);
      }
    }
    for (const [text, expected] of [
      ['', ''],
      ['%', '%'],
      ['%41%', 'A%'],
      ['%%41', '%A'],
      ['%4%41', '%4A'],
      ['x41', 'x41'],
      ['%4', '%4'],
      ['%41%42c%43', 'ABcC'],
      ['\xe9%E9', '\xe9\xe9'],
    ] as const)
      assert.equal(decoded(text), expected, text);
  });

  it('stands for text in UTF-8, unless an escape is broken', () => {
    for (const [text, expected] of [
      ['', ''],
      ['a+b', 'a+b'],
      ['%4a%4A%F0%9f%98%80', 'JJ😀'],
      ['\xc3\xa9%c3%a9\xc3%a9', 'ééé'],
      ['\xc3%c3', '\ufffd\ufffd'],
      ['%2541', '%41'],
      ...['%', 'a%', '%4', '%4x', '%x4', 'a%%41', '%u0041'].map(broken => [broken, undefined] as const),
    ] as const)
      assert.equal(unescapedText(text), expected, text);
  });
});
