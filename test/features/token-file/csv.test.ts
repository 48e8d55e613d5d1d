import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CsvError, parseCsv } from '../../../src/features/token-file/token-file.js';
import { assertLinear } from '../../support/growth.js';

describe('CSV', () => {
  it('is read as encoding/csv reads it: quotes, doubled quotes, line breaks within quotes, empty lines', () => {
    assert.deepEqual(parseCsv('a,b,"c,d"\r\n\r\n"e ""f""\ng",,\n\nh'), [
      ['a', 'b', 'c,d'],
      ['e "f"\ng', '', ''],
      ['h'],
    ]);
    assert.deepEqual(parseCsv(''), []);
    assert.deepEqual(parseCsv('\n\n'), []);
    assert.deepEqual(parseCsv('a,'), [['a', '']]);
    assert.deepEqual(parseCsv(',a'), [['', 'a']]);
    assert.deepEqual(parseCsv('""'), [['']]);
    assert.deepEqual(parseCsv('a,"b"\r'), [['a', 'b']]);
    assert.deepEqual(parseCsv('a\rb,c\r\r'), [['a\rb', 'c\r']]);
    assert.deepEqual(parseCsv(' a , b\n# no comment'), [[' a ', ' b'], ['# no comment']]);
  });

  it('with a misplaced quote causes an error that names the line but shows none of it', () => {
    for (const [text, line] of [
      ['a,b\nsecret"c,d', 2],
      ['a"secret\nb', 1],
      ['a\n\n"secret', 3],
      ['"secret"x,b', 1],
      ['a, "secret"', 1],
    ] as const) {
      assert.throws(
        () => parseCsv(text),
        (error: unknown) =>
          error instanceof CsvError && error.line === line && !error.message.includes('secret'),
        text,
      );
    }
  });

  it('is read in linear time, even a long file of quotes', () => {
    assertLinear(300_000, count => {
      const [closed, open] = [`"${'""'.repeat(count)}"`, `"${'""'.repeat(count)}x`];
      return () => {
        assert.equal(parseCsv(closed)[0]?.[0]?.length, count);
        assert.throws(() => parseCsv(open));
      };
    });
  });
});
