import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldRequirements, requiredFieldValue } from '../../src/kubernetes/field-selector.js';
import { assertLinear } from '../support/growth.js';

describe('the value that a field selector requires of a field', () => {
  const rows: readonly (readonly [selector: string, value: string | undefined])[] = [
    ['', undefined],
    ['f=a', 'a'],
    ['f==a', 'a'],
    ['f!=a', undefined],
    ['f=', ''],
    ['f', undefined],
    ['g=1,f=a', 'a'],
    [',f=a,', 'a'],
    ['f=b,f=a', 'a'],
    ['f=a,f=b', 'a'],
    ['f=a,g', undefined],
    ['f=a=b', undefined],
    ['f=a\\=b', 'a=b'],
    ['f=a\\,b,g=1', 'a,b'],
    ['f=a\\\\', 'a\\'],
    ['f=a\\', undefined],
    ['f=a\\b', undefined],
    ['f=a,g=\\x', undefined],
    [' f=a', undefined],
  ];
  it('is the first one, with its escapes read', () => {
    for (const [selector, value] of rows) assert.equal(requiredFieldValue(selector, 'f'), value, selector);
  });
});

describe('a field selector', () => {
  it('is one that the API server accepts', () => {
    for (const valid of ['', ',', 'f=', '=', 'f!=a', 'f==a,g=1', 'f=a\\=b', ' f=a'])
      assert.notEqual(fieldRequirements(valid), undefined, valid);
    for (const invalid of ['f', 'f=a,g', 'f=a=b', 'f=a\\', 'f!=a\\b', 'f===a'])
      assert.equal(fieldRequirements(invalid), undefined, invalid);
  });

  it('becomes requirements in the order of its sorted terms, as in the API server', () => {
    assert.deepEqual(fieldRequirements('f=a\\,b,g!=1,,f==c'), [
      { key: 'f', operator: 'In', values: ['c'] },
      { key: 'f', operator: 'In', values: ['a,b'] },
      { key: 'g', operator: 'NotIn', values: ['1'] },
    ]);
  });

  it('is read in linear time', () => {
    const piece = 'metadata.name=a\\,';
    assertLinear(200_000, length => {
      const selector = piece.repeat(length / piece.length);
      return () => requiredFieldValue(selector, 'metadata.name');
    });
  });
});
