import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VariableEnvironment } from '../../../../src/features/common/cel/environment.js';
import { bool, Compiler } from '../../../../src/features/common/cel/expression.js';
import { isSplit } from '../../../../src/features/common/cel/functions.js';
import { EvaluationError, spend, withinSteps } from '../../../../src/features/common/cel/values.js';
import { ExpressionError } from '../../../../src/features/common/cel/variable.js';
import { claims, truths } from './truths.js';

const compilers = {
  claims: new Compiler({ name: 'claims' }),
  user: new Compiler({
    name: 'user',
    fields: { username: 'string', uid: 'string', groups: 'list<string>', extra: 'map<string, list<string>>' },
  }),
};

const any = { read: (value: unknown) => value, otherwise: '' };

function compileExpression(text: string, variable: keyof typeof compilers, options?: { isRule: boolean }) {
  const expression = compilers[variable].compile(text, options);
  return {
    evaluateAny: (input: Record<string, unknown>) => expression.evaluate(input, any),
    evaluateBool: (input: Record<string, unknown>) => expression.evaluate(input, bool),
    selects: (name: string) => expression.selects(name),
  };
}

const user = { username: 'alice', uid: '', groups: ['dev', 'ops'], extra: { 'example.org/a': ['1', '2'] } };

/** Claims that no expression can read, or not as the API server does. */
const odd = {
  ...claims,
  ...JSON.parse(
    '{"huge": [1e999], "least": -1e999, "deep": [[[[[[[[[1]]]]]]]]], "large": 9223372036854775808}',
  ),
  ...{ under: { x__y: 1 }, maps: { a: { a: { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } } } } },
};

describe('an expression', () => {
  for (const text of truths) {
    it(`is evaluated as cel-go does it: ${text}`, () => {
      assert.equal(compileExpression(text, 'claims', { isRule: true }).evaluateBool(claims), true);
    });
  }

  it('goes through a list that it has made, and through one that is there for certain', () => {
    for (const text of [
      'claims.csv.split(",").all(part, part != "")',
      'dyn(claims.roles).filter(role, role != "ops").all(role, role == "dev")',
      'dyn(claims.roles).map(role, [role]).all(one, one.size() == 1)',
      '[dyn("a"), dyn(claims.sub)].exists(name, name == "alice")',
      'string(claims[?"zero"].orValue("")) == "0"',
    ]) {
      assert.equal(compileExpression(text, 'claims', { isRule: true }).evaluateBool(claims), true, text);
    }
  });

  it('about a user knows the fields of a user', () => {
    for (const text of [
      ...['user.username == "alice" && user.uid == ""', 'user.groups.all(g, !g.startsWith("system:"))'],
      ...['user.extra["example.org/a"][1] == "2"', 'user.extra.example__dot__org__slash__a.size() == 2'],
      ...['has(user.uid) && !has(user.extra.none)', 'user.?uid.orValue("x") == ""'],
    ]) {
      assert.equal(compileExpression(text, 'user', { isRule: true }).evaluateBool(user), true, text);
    }
  });

  for (const [text, reason] of [
    ['claims.none', /No such key: none/],
    ['claims.sub.x', /No such key: x/],
    ['claims.nested.none.x', /No such key: none/],
    ['has(claims.none.x)', /No such key: none/],
    ['claims.roles[2]', /No such key: index out of bounds/],
    ['claims.roles["0"]', /No such key: 0/],
    ['has(claims.roles.x)', /no whole number/],
    ['claims.constructor', /No such key/],
    ['claims.nested.toString', /No such key/],
    ['claims.sub + claims.until', /no matching overload for 'add\(string, double\)'/],
    ['claims.until - 1', /no matching overload for 'subtract/],
    ['claims.sub - claims.sub', /no matching overload/],
    ['claims.sub < claims.until', /no matching overload/],
    ['claims.roles.contains("dev")', /no matching overload/],
    ['claims.sub ? 1 : 2', /condition must be bool/],
    ['claims.sub || false', /requires bool/],
    ['dyn(claims.mixed).all(x, x.startsWith("a") || x == 1)', /no matching overload/],
    ['dyn(claims.sub).map(x, x)', /no matching overload for 'range\(string\)'/],
    ['dyn(claims.roles).filter(r, claims.sub)', /must return bool/],
    ['1 / int(claims.zero)', /division by zero/],
    ['9223372036854775807 + 1', /too large/],
    ['int(claims.large)', /no int/],
    ['int(claims.csv)', /no int/],
    ['int("x" + "1")', /the string is no int/],
    ['int("1" + "x")', /the string is no int/],
    ['int(string(9223372036854775807) + "0")', /too large/],
    ['"abc".substring(4)', /out of range/],
    ['"abc".substring(0, 4)', /out of range/],
    ['"abc".substring(2, 1)', /out of range/],
    ['"abc".substring(-1)', /out of range/],
    ['claims.mixed.join()', /needs strings/],
    ['claims.?none.value()', /not present/],
    ['claims.roles[?"0"].hasValue()', /no whole number/],
    ['0.0 / 0.0 < 1.0', /NaN has no order/],
    ['claims.huge == 1', /too large/],
    ['has(claims.huge.x)', /too large/],
    ['claims.least == 1', /too large/],
    ['claims.deep == 1 || true', /too many levels/],
    ['claims.maps == 1', /too many levels/],
    ['claims.under == claims.nested', /cannot be compared/],
    [`claims["found no matching overload for '_x"]`, /No such key: found no matching overload for '_x$/],
    ['claims.sub[r"\'_y"]', /No such key: '_y$/],
  ] as const) {
    it(`says why it has no result: ${text}`, () => {
      assert.throws(
        () => compileExpression(text, 'claims').evaluateAny(odd),
        (error: Error) =>
          error instanceof EvaluationError &&
          reason.test(error.message) &&
          error.message.includes(JSON.stringify(text)),
      );
    });
  }

  for (const [text, reason] of [
    ['claims.', /no CEL expression/],
    ['', /no CEL expression/],
    ['1 _', /Unexpected character: '_'/],
    ['claims', /as a whole/],
    ['size(claims)', /as a whole/],
    ['claims == claims', /as a whole/],
    ['claims.all(x, true)', /as a whole/],
    ['dyn(claims).sub', /as a whole/],
    ['claims.roles.all(r, true)', /such a range of all\(\) is not supported; write dyn/],
    ['claims.?roles.orValue([]).map(r, r)', /such a range/],
    ['(true ? ["a"] : claims.roles).map(r, r)', /such a range/],
    ['user.username', /undeclared reference to "user"/],
    ['nobody', /undeclared reference/],
    ['1 + "a"', /^no such overload: int \+ string/],
    ['1 == "a"', /no such overload/],
    ['1 == 1.0', /no such overload/],
    ['"a" == null', /no such overload/],
    ['1u', /not supported/],
    ['b"a"', /not supported/],
    ['type(claims.sub) == string', /type is not supported|undeclared/],
    ['timestamp(1)', /timestamp is not supported/],
    ['isIP("::1")', /isIP is not supported$/],
    ['"%s".format([1])', /format is not supported/],
    ['"a".reverse()', /reverse is not supported/],
    ['b"a".hex()', /not supported/],
    ['sets.contains([1], [1])', /undeclared reference|not supported/],
    ['cel.bind(x, 1, x)', /undeclared reference|not supported/],
    ['claims.?sub.optMap(x, x)', /not supported|undeclared/],
    ['optional.ofNonZeroValue(1)', /undeclared reference/],
    ['dyn(claims.roles).all(i, x, true)', /with 3 arguments is not supported|is not supported/],
    ['claims.sub.matches(claims.email)', /one literal string/],
    ['claims.sub.matches("(")', /is not a regular expression/],
    ['claims.sub.matches("(?=a)")', /is not a regular expression/],
    ['claims.sub == claims.until < 1', /right side of ==/],
    ['[1, "a"]', /must have the same type/],
    ['["a", claims.sub]', /different types/],
    ['[claims.sub, claims.nested.team]', /different types/],
    ['["a", claims.roles[0]]', /different types/],
    ['[dyn("a"), "b"]', /different types/],
    ['string([claims.mixed[?1].orValue("")].filter(x, true)[0])', /write dyn/],
    ['{"a": 1}', /a map is not supported/],
    ['claims.yes ? 1 : "a"', /must have the same type/],
    ['"a" && true', /requires bool/],
    ['[1].all(x, x)', /must return bool/],
    ['1 in ["a"]', /no such overload/],
    ['["a"] + [1]', /no such overload/],
    ['"abc".x', /Cannot index/],
    ['[1].x', /index must be int/],
    ['[1]["a"]', /index must be int/],
    ['claims[1]', /Cannot index/],
    // The API server accepts it, and refuses every token then.
    ['"sub" in claims', /as a whole/],
    ['has(claims)', /one selected field/],
    ['dyn(claims.roles).map(claims, 1)', /cannot be a variable/],
    ['dyn(claims.roles).map(__x, 1)', /cannot be a variable/],
    ['[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))', /more than 3 comprehensions/],
    [`"${'a'.repeat(9_999)}"`, /longer than 10000/],
    [`${'['.repeat(60)}1${']'.repeat(60)}`, /maxDepth/],
    [Array.from({ length: 1_500 }, () => '1').join('+'), /maxAstNodes/],
    ['"a\r\nb" == ""', /carriage return/],
    ['r"\\" == "a" ? "\\"" : "b"', /behind a raw string/],
    ['"\ud800"', /surrogate/],
    ['9223372036854775808', /larger than an int/],
    ['__proto__', /.*/],
    ['claims.sub.constructor()', /constructor is not supported/],
    ['toString()', /toString is not supported/],
    // True in the API server, but not supported here.
    ['-7 % 3 == -1', /% is not supported/],
    ['-claims.half == -0.5', /minus sign/],
    ['"a" in {"a": 1}', /a map is not supported/],
    ['{"a": claims.sub}.a == "alice"', /a map is not supported/],
    ['dyn(claims.roles).all(r, claims[r] == 1)', /an index that is no literal/],
    ['claims[?"none"].or(optional.of("o")).value() == "o"', /not supported/],
    ['claims.?none.or(claims.?sub).hasValue()', /not supported/],
    ['optional.none().hasValue()', /undeclared reference/],
    ['claims.?roles[0] == "dev"', /an optional without orValue/],
    ['[claims.?sub].size() == 1', /an optional without orValue/],
    ['has(claims.?nested.team)', /names and dots/],
    ['has(claims["nested"].team)', /names and dots/],
    ['claims.__if__ == "word"', /the name "__if__" is not supported/],
    ['!has(claims.x__y__z)', /the name "x__y__z" is not supported/],
    ['claims.csv.split(",", 2)[1] == "b,c"', /so many arguments is not supported/],
    ['claims.emoji.charAt(1) == "😀"', /charAt is not supported/],
    ['"abcabc".indexOf("b", 2) == 4', /so many arguments is not supported/],
    ['"abcabc".lastIndexOf("b") == 4', /lastIndexOf is not supported/],
    ['bool("T")', /bool is not supported/],
    ['int("1.5") == 1', /int\(\) of a literal is not supported/],
    ['int(-1.9) == -1', /int\(\) of a literal is not supported/],
    ['int(dyn("12")) == 12', /int\(\) of a literal is not supported/],
    ['int(string("12")) == 12', /int\(\) of a literal is not supported/],
    ['int(int(12.5)) == 12', /int\(\) of a literal is not supported/],
    ['["a"].indexOf(1) == -1', /no matching overload/],
    ['dyn(claims.list).all(l, l.all(x, x > 0))', /write dyn/],
    // The API server infers a type for them, and refuses a token with a value of another type.
    ['string(claims.mixed[?1].orValue(""))', /string\(\) of what \[\?…\] or a sum gives .*; write dyn/],
    ['string(claims.?mixed[?1].value())', /write dyn/],
    ['string(claims.list[?0][0].orValue(""))', /write dyn/],
    ['string(claims.nested[?"team"].name.orValue(""))', /write dyn/],
    ['string(true ? claims.mixed[?1].orValue("") : "")', /write dyn/],
    ['string((claims.mixed + ["a"])[1])', /write dyn/],
    ['string((true ? claims.mixed + ["a"] : ["b"])[1])', /write dyn/],
    ['string(["a"].map(x, claims.mixed[?1].orValue(""))[0])', /write dyn/],
    ['[claims.mixed[?1].orValue("")].map(x, string(x))', /map\(\) of what .*; write dyn/],
    ['int(claims.mixed[?1].orValue("1"))', /int\(\) of what/],
    ['claims.list[?0].orValue("").indexOf("a")', /indexOf\(\) of what/],
    [Array.from({ length: 300 }, () => 'true').join(' && '), /maxDepth/],
  ] as const) {
    it(`is an error if the API server rejects it, or if it is not evaluated as there: ${text.slice(0, 60)}`, () => {
      assert.throws(() => compileExpression(text, 'claims'), { name: 'ExpressionError', message: reason });
    });
  }

  it('of a rule must be a bool for certain, and one about a user has no other fields and no claims', () => {
    for (const text of [
      ...['claims.yes', 'claims.?yes.orValue(true)', 'has(claims.yes) ? claims.yes : true', '1'],
      'claims.?yes',
    ]) {
      assert.throws(() => compileExpression(text, 'claims', { isRule: true }), /must evaluate to bool/, text);
    }
    for (const text of [
      ...['user.name', 'user["username"]', 'claims.sub', 'user', 'user.extra.a + 1', 'user.uid == 1'],
    ]) {
      assert.throws(() => compileExpression(text, 'user'), ExpressionError, text);
    }
  });

  it('has no result if it would run long, use much memory or nest without end, whatever is around it', () => {
    const text = 'a'.repeat(60_000);
    let deep: unknown = 1;
    for (let level = 0; level < 50_000; level++) deep = [deep];
    const many = <T>(length: number, item: (index: number) => T) =>
      Array.from({ length }, (_, index) => item(index));
    const input = {
      ...{ text, other: text, deep, texts: many(20, () => text), numbers: many(500, Number) },
      ...{ list: many(20_000, () => 'x'), keys: Object.fromEntries(many(400, key => [key, key])) },
    };
    for (const [expression, reason] of [
      ['claims.text.replace("a", claims.text)', /too many steps/],
      ['claims.list.join(claims.text)', /too many steps/],
      ['claims.texts.join()', /too many steps/],
      ['claims.text in claims.list', /too many steps/],
      ['dyn(claims.list).map(x, dyn(claims.list).map(y, [y]))', /too many steps/],
      ['dyn(claims.list).all(x, claims.list == claims.list)', /too many steps/],
      ['dyn(claims.keys).all(a, dyn(claims.keys).all(b, true))', /too many steps/],
      ['dyn(claims.numbers).all(x, claims.text.matches("^a*$"))', /too many steps/],
      [
        'dyn(claims.numbers).all(a, dyn(claims.numbers).all(b, dyn(claims.numbers).all(c, a + b + c >= 0.0))) || true',
        /too many steps/,
      ],
      ['claims.deep == claims.deep', /has no result/],
      ['claims.deep == claims.deep || true', /has no result/],
    ] as const) {
      assert.throws(() => compileExpression(expression, 'claims').evaluateAny(input), reason, expression);
    }
    compileExpression(`"${'a'.repeat(9_998)}"`, 'claims');
    const long = compileExpression(
      '[claims.text, claims.other].join() == claims.text + claims.other',
      'claims',
    );
    assert.equal(long.evaluateBool(input), true);
    withinSteps(() => spend(100_000));
    assert.throws(() => withinSteps(() => spend(100_001)), /too many steps/);
  });

  it('gives the list of a split itself if an empty one is added to it', () => {
    const list = 'claims.csv.split(",")';
    for (const [text, expected] of [
      [`${list} + []`, true],
      [`[] + ${list}`, true],
      [`${list} + ["a"]`, false],
      [`["a"] + ${list}`, false],
    ] as const) {
      const value = compileExpression(text, 'claims').evaluateAny(claims);
      assert.equal(isSplit(value as readonly unknown[]), expected, text);
    }
  });

  it('is not prepared if what it was rewritten to has types that do not agree', () => {
    assert.throws(() => new VariableEnvironment({ name: 'claims' }).prepare('_less("a", 1)'), /overload/);
  });

  it('knows which fields it selects', () => {
    const selects = (text: string) => compileExpression(text, 'claims').selects('email_verified');
    for (const text of [
      ...['claims.email_verified', 'claims.?email_verified.orValue(true) == true'],
      ...['has(claims.email_verified) ? "a" : "b"', '["a"].all(x, claims.email_verified == true)'],
      '[claims.email_verified]',
    ]) {
      assert.ok(selects(text), text);
    }
    for (const text of [
      'claims.email',
      'claims["email_verified"]',
      '"claims.email_verified"',
      'claims.x.email_verified',
    ]) {
      assert.ok(!selects(text), text);
    }
  });
});
