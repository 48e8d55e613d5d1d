import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { labelRequirements } from '../../src/kubernetes/label-selector.js';

// What a kube-apiserver 1.34 accepted or refused.
const valid = [
  ...['', '  ', 'a', '!a', ' ! a ', 'a=b', 'a==b', 'a!=b', 'a=', 'a,b', 'a=,b', 'a = b , c', 'a in (b,c)'],
  ...['a notin (b)', 'a in ()', 'a in (,)', 'a in (,b)', 'a in (b,)', 'a in (b,,c)', 'a in (,,,)'],
  ...['a in(in,notin)', 'in', 'notin=in', 'in in (in)', 'a>1', 'a<9223372036854775807', 'example.com/a=b'],
  ...['a-b.0.c--d/e', `${'a'.repeat(253)}/b`, 'A_b.c-d=E_f.g-h', `${'a'.repeat(63)}=${'b'.repeat(63)}`],
  ...['a\0', 'a\0\0=', 'a=\0b', '\0='],
];
const invalid = [
  ...['=', '!', ',', 'a,', ',a', 'a b', 'a=b=c', 'a=b c', 'a===b', 'a=!b', '!a=b', '!!a', 'a=(b)', 'a in'],
  ...['a in b', 'a in (', 'a in (b', 'a in (b c)', 'a in (b,,)', 'a in (,,)', 'a in (b=c)', 'a In (b)'],
  ...['a>', 'a>b', 'a>=1', 'a>-1', 'a<9223372036854775808', 'a/b/c', '/a', 'a/', 'Example.com/a', '-a/b'],
  ...['a-/b', 'a.-b/c', 'a.b-/c', 'a..b/c', 'a./b', `${'a'.repeat(254)}/b`, '-a', 'a-', 'a=-b', 'a=b.'],
  ...['a=ü', 'ü', `${'a'.repeat(64)}`, `a=${'b'.repeat(64)}`, 'a\0b', 'a=b/c'],
];

describe('a label selector', () => {
  it('is one that a kube-apiserver accepts', () => {
    for (const selector of valid) assert.notEqual(labelRequirements(selector), undefined, selector);
    for (const selector of invalid) assert.equal(labelRequirements(selector), undefined, selector);
  });

  it('becomes requirements as in the API server, by key, with the values of each one sorted', () => {
    const read = (selector: string) =>
      labelRequirements(selector)?.map(({ key, operator, values }) => [key, operator, ...values]);
    for (const [selector, ...requirements] of [
      [''],
      ['b=1,a', ['a', 'Exists'], ['b', 'In', '1']],
      ['a==1,a!=2,!a', ['a', 'In', '1'], ['a', 'NotIn', '2'], ['a', 'DoesNotExist']],
      ['a=', ['a', 'In', '']],
      ['a in (c,b,c)', ['a', 'In', 'b', 'c']],
      ['a notin ()', ['a', 'NotIn', '']],
      ['a in (,b)', ['a', 'In', '', 'b']],
      ['a in (b,)', ['a', 'In', '', 'b']],
      ['a in (b,,c)', ['a', 'In', '', 'b', 'c']],
      ['a in (b,c)', ['a', 'In', 'b', 'c']],
      ['a>1,b<2', ['a', 'Gt', '1'], ['b', 'Lt', '2']],
    ] as const) {
      assert.deepEqual(read(selector), requirements, selector);
    }
    assert.equal(read('a b'), undefined);
  });

  it('is read in linear time', () => {
    assert.notEqual(labelRequirements(`a in (${'b,'.repeat(300_000)}b)`), undefined);
    assert.equal(labelRequirements(`a=${' '.repeat(300_000)}(`), undefined);
    assert.equal(labelRequirements(`${'a.'.repeat(300_000)}/a`), undefined);
  });
});
