import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bool, Compiler } from '../../../../src/features/common/cel/expression.js';

const compiler = new Compiler({
  name: 'obj',
  fields: {
    name: 'string',
    names: 'list<string>',
    extra: 'map<string, list<string>>',
    one: { name: 'string', inner: { name: 'string' }, many: [{ key: 'string', names: 'list<string>' }] },
    none: { name: 'string', many: [{ key: 'string' }] },
  },
});
const many = [
  { key: 'a', names: ['b', 'c'], other: 1 },
  { key: 'd', names: undefined },
];
const value = {
  name: 'n',
  names: ['m'],
  extra: { k: ['v'] },
  none: undefined,
  one: { name: 'o', inner: {}, many },
  other: 1,
};

describe('an expression about an object whose fields have types', () => {
  for (const text of [
    'has(obj.one) && !has(obj.none) && has(obj.one.many) && !has(obj.one.inner.name)',
    'obj.one.name == "o" && obj.name == "n"',
    'obj.one.many[0].key == "a" && obj.one.many[?1].key.orValue("") == "d" && !obj.one.many[?2].key.hasValue()',
    'obj.one.many.size() == 2 && size(obj.one.many) == 2',
    'obj.one.many.filter(m, m.key == "a").exists(m, "c" in m.names)',
    'obj.one.many.map(m, m.key) == ["a", "d"]',
    '["a", obj.one.many[0].key].size() == 2 && [obj.name, obj.names[0], obj.extra.k[0]] == ["n", "m", "v"]',
    ...['obj.?none.many.orValue([]).all(m, m.key == "")', 'obj.?one.many.value().exists(m, m.key == "d")'],
    'obj.?none.name.orValue("z") == "z" && !obj.?one.inner.name.hasValue()',
    'obj.extra.all(k, obj.extra[?"k"].orValue([]).exists(v, v == "v") && k == "k")',
    'obj.extra.?none.orValue(["q"]).exists(v, v == "q")',
    'obj.names.filter(n, n != "m").size() == 0 && obj.?names[?0].orValue("") == "m"',
    'string(obj.names.size()) == "1" && obj.names.indexOf("m") == 0',
  ]) {
    it(`is evaluated: ${text}`, () => {
      assert.equal(compiler.compile(text, { isRule: true }).evaluate(value, bool), true);
    });
  }

  for (const [text, reason] of [
    ['obj', /as a whole/],
    ['obj == obj', /as a whole/],
    ['obj.one == obj.one', /as a whole/],
    ['obj.?one.value() == obj.one', /as a whole/],
    ['[obj.one].size() == 1', /as a whole/],
    ['dyn(obj.one) == null', /as a whole/],
    ['dyn(obj.one.many) == null', /as a whole/],
    ['obj.one.many.indexOf("a") == 0', /as a whole/],
    ['size(obj.one) == 1', /as a whole/],
    ['obj.one.size() == 1', /as a whole/],
    ['obj.one.all(m, true)', /as a whole/],
    ['obj.one.many == []', /as a whole/],
    ['obj.one.many + obj.one.many == []', /as a whole/],
    ['obj.one.many.map(m, m).size() == 1', /as a whole/],
    ['(true ? obj.one.many : []).size() == 2', /as a whole/],
    ['obj.one.many[0] == obj.one.many[0]', /as a whole/],
    ['obj["name"] == "n"', /an index of an object/],
    ['obj.one["name"] == "n"', /an index of an object/],
    ['obj.one[?"name"].hasValue()', /an index of an object/],
    ['obj.other == "n"', /there is no field "other"; the fields are name, names, extra, one, none/],
    ['obj.toString == "n"', /there is no field/],
    ['obj.one.other == "n"', /there is no field "other"; the fields are name, inner, many/],
    ['obj.?one.other.hasValue()', /there is no field/],
    ['obj.one.?other.hasValue()', /there is no field/],
    ['has(obj.one.other)', /there is no field/],
    ['obj.one.many[0].other == "n"', /there is no field/],
    ['obj.one.many.exists(m, m.other == "n")', /there is no field/],
    ['obj.one.many.filter(m, true)[0].other == "n"', /there is no field/],
    ['obj.?none.many.orValue([]).all(m, m.names == [])', /there is no field "names"; the fields are key/],
    ['obj.one.many.exists(m, m.key == 1)', /no such overload/],
    ['obj.names.all(n, n == 1)', /no such overload/],
    ['obj.name.all(n, true)', /cannot be range/],
    ['obj.extra.all(k, k == 1)', /no such overload/],
    [
      'obj.one.many.all(m, obj.one.many.all(m, obj.one.many.all(m, obj.one.many.all(m, true))))',
      /more than 3/,
    ],
  ] as const) {
    it(`is refused: ${text}`, () => {
      assert.throws(() => compiler.compile(text), { name: 'ExpressionError', message: reason });
    });
  }

  it('reads a field when it is needed, and no field that has no type', () => {
    const read: string[] = [];
    const input = {
      get name() {
        read.push('name');
        return 'n';
      },
      get names(): string[] {
        throw new Error('it is not needed');
      },
    };
    assert.equal(compiler.compile('obj.name == "n" || obj.names[0] == "m"').evaluate(input, bool), true);
    assert.deepEqual(read, ['name']);
  });
});
