import assert from 'node:assert/strict';
import { it } from 'node:test';
import { quoted } from '../../src/kubernetes/quoted.js';

it('a text is quoted as Go does it', () => {
  for (const [text, expected] of [
    ['', ''],
    ['a b', 'a b'],
    ['a"\\', 'a\\"\\\\'],
    ['\x07\b\t\n\v\f\r', '\\a\\b\\t\\n\\v\\f\\r'],
    ['\0\x1f\x7fa', '\\x00\\x1f\\x7fa'],
    ['\x80\xa0\u2028\ue000', '\\u0080\\u00a0\\u2028\\ue000'],
    ['\u{e0001}', '\\U000e0001'],
    ...['é e\u0301 ٣ « 🙂', 'a~ [!]'].map(same => [same, same] as const),
  ] as const) {
    assert.equal(quoted(text), `"${expected}"`);
  }
});
