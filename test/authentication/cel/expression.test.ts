import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ExpressionError } from '../../../src/authentication/cel/evaluation.js';
import { compileExpression } from '../../../src/authentication/cel/expression.js';
import { EvaluationError } from '../../../src/authentication/cel/values.js';
import { claims, truths } from './truths.js';

const user = {
  username: 'alice',
  uid: '',
  groups: ['dev', 'ops'],
  extra: { 'example.org/a': ['1', '2'] },
};

describe('an expression', () => {
  for (const text of truths) {
    it(`is evaluated as cel-go does it: ${text}`, () => {
      assert.equal(compileExpression(text, 'claims', { isRule: true }).evaluateBool(claims), true);
    });
  }

  it('about a user knows the fields of a user', () => {
    for (const text of [
      'user.username == "alice" && user.uid == ""',
      'user.groups.all(g, !g.startsWith("system:"))',
      'user.extra["example.org/a"][1] == "2"',
      'user.extra.example__dot__org__slash__a.size() == 2',
      'has(user.uid) && !has(user.extra.none)',
      'user.?uid.orValue("x") == ""',
    ]) {
      assert.equal(compileExpression(text, 'user', { isRule: true }).evaluateBool(user), true, text);
    }
  });

  it('gives strings, without empty ones', () => {
    const strings = (text: string) => compileExpression(text, 'claims').evaluateStrings(claims);
    assert.deepEqual(strings('claims.sub'), ['alice']);
    assert.deepEqual(strings('claims.roles'), ['dev', 'ops']);
    assert.deepEqual(strings('["", claims.csv.charAt(0)]'), ['a']);
    for (const none of ['""', 'null', '[]', 'claims.nothing']) assert.deepEqual(strings(none), [], none);
    assert.deepEqual(strings('claims.csv.split(",").map(x, x)'), ['a', 'b', 'c']);
    assert.deepEqual(strings('claims.csv.split(",") + ["d"]'), ['a', 'b', 'c', 'd']);
    for (const wrong of [
      '1',
      'claims.mixed',
      'claims.nested',
      'true',
      'claims.?sub',
      'claims.csv.split(",")',
    ]) {
      assert.throws(() => strings(wrong), EvaluationError, wrong);
    }
  });

  for (const [text, reason] of [
    ['claims.none', /no such key/],
    ['claims.sub.x', /no such key/],
    ['claims.nested.none.x', /no such key/],
    ['has(claims.none.x)', /no such key/],
    ['claims.roles[2]', /no such key/],
    ['claims.roles["0"]', /no whole number/],
    ['has(claims.roles.x)', /no whole number/],
    ['claims.x__y__z', /no such key/],
    ['claims.constructor', /no such key/],
    ['claims.nested.toString', /no such key/],
    ['claims.sub + claims.until', /no such overload/],
    ['claims.until - 1', /no such overload/],
    ['claims.sub - claims.sub', /no such overload/],
    ['claims.sub < claims.until', /no such overload|no order/],
    ['claims.roles.contains("dev")', /no such overload/],
    ['claims.sub ? 1 : 2', /condition is no bool/],
    ['claims.sub || false', /no bool/],
    ['dyn(claims.mixed).all(x, x.startsWith("a") || x == 1)', /no such overload/],
    ['dyn(claims.sub).map(x, x)', /needs a list or a map/],
    ['dyn(claims.roles).filter(r, claims.sub)', /no bool/],
    ['1 / int(claims.zero)', /division by zero/],
    ['9223372036854775807 + 1', /too large/],
    ['int(claims.csv)', /no int/],
    ['int(claims.sub + "9")', /no int/],
    ['bool(claims.sub)', /no bool/],
    ['"abc".substring(4)', /out of range/],
    ['"abc".substring(2, 1)', /before its start/],
    ['"abc".charAt(-1)', /out of range/],
    ['claims.mixed.join()', /needs strings/],
    ['optional.none().value()', /no value/],
    ['{"a": 1, claims.sub + "": 2, "alice": 3}', /a key twice/],
    ['claims.nested == {"x__y": 1}', /cannot be compared/],
  ] as const) {
    it(`refuses the token if it fails: ${text}`, () => {
      assert.throws(
        () => compileExpression(text, 'claims').evaluateStrings(claims),
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
    ['claims', /as a whole/],
    ['size(claims)', /as a whole/],
    ['claims == claims', /as a whole/],
    ['claims.all(x, true)', /as a whole/],
    ['dyn(claims).sub', /as a whole/],
    ['claims.roles.all(r, true)', /any cannot be the range of all\(\); write dyn/],
    ['claims.?roles.orValue([]).map(r, r)', /any cannot be the range/],
    ['(true ? ["a"] : claims.roles).map(r, r)', /any cannot be the range/],
    ['user.username', /undeclared reference to "user"/],
    ['nobody', /undeclared reference/],
    ['1 + "a"', /no matching overload/],
    ['1 == "a"', /no matching overload/],
    ['1 == 1.0', /no matching overload/],
    ['"a" == null', /no matching overload/],
    ['int("1.5")', /int\(\) of this literal: the string is no int/],
    ['string(int("9223372036854775808"))', /too large/],
    ['int(-1e30)', /no int/],
    ['bool("yes")', /no bool/],
    ['1u', /not supported/],
    ['b"a"', /not supported/],
    ['type(claims.sub) == string', /type is not supported|undeclared/],
    ['timestamp(1)', /timestamp is not supported/],
    ['duration("1s")', /duration is not supported/],
    ['uint(1)', /uint is not supported/],
    ['bytes("a")', /bytes is not supported/],
    ['url("https://a")', /url is not supported/],
    ['quantity("1")', /quantity is not supported/],
    ['isIP("::1")', /isIP is not supported/],
    ['"%s".format([1])', /format is not supported/],
    ['"a".quote()', /quote is not supported/],
    ['"a".reverse()', /reverse is not supported/],
    ['[1].sum()', /sum is not supported/],
    ['b"a".hex()', /not supported/],
    ['sets.contains([1], [1])', /undeclared reference/],
    ['cel.bind(x, 1, x)', /undeclared reference|not supported/],
    ['claims.?sub.optMap(x, x)', /not supported|undeclared/],
    ['optional.ofNonZeroValue(1)', /not supported/],
    ['dyn(claims.roles).all(i, x, true)', /with 3 arguments is not supported|is not supported/],
    ['claims.sub.matches(claims.email)', /one literal string/],
    ['claims.sub.matches("(")', /is not a regular expression/],
    ['claims.sub.matches("(?=a)")', /is not a regular expression/],
    ['claims.sub == claims.until < 1', /right side of ==/],
    ['[1, "a"]', /different types/],
    ['["a", claims.sub]', /different types/],
    ['{"a": 1, "b": "c"}', /different types/],
    ['{1: 2}', /keys are no strings/],
    ['claims.yes ? 1 : "a"', /no matching overload/],
    ['"a" && true', /expected a bool/],
    ['[1].all(x, x)', /expected a bool/],
    ['1 in ["a"]', /no matching overload/],
    ['["a"] + [1]', /no matching overload/],
    ['"abc".x', /no such field/],
    ['[1].x', /no such field/],
    ['[1]["a"]', /no such field or index/],
    ['claims[1]', /name of a claim/],
    // The API server accepts it, and refuses every token then.
    ['"sub" in claims', /as a whole/],
    ['has(claims)', /one selected field/],
    ['dyn(claims.roles).map(claims, 1)', /cannot be a variable/],
    ['dyn(claims.roles).map(__x, 1)', /cannot be a variable/],
    ['[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))', /more than 3 comprehensions/],
    [`"${'a'.repeat(10_000)}"`, /longer than 10000/],
    [`${'['.repeat(60)}1${']'.repeat(60)}`, /maxDepth/],
    [Array.from({ length: 1_500 }, () => '1').join('+'), /maxAstNodes/],
    ['"a\r\nb" == ""', /carriage return/],
    ['r"\\" == "a" ? "\\"" : "b"', /behind a raw string/],
    ['"\ud800"', /surrogate/],
    ['9223372036854775808', /larger than an int/],
    ['__proto__', /.*/],
    ['claims.sub.constructor()', /constructor is not supported/],
    ['toString()', /toString is not supported/],
  ] as const) {
    it(`is an error if the API server rejects it, or if it is not evaluated as there: ${text.slice(0, 60)}`, () => {
      assert.throws(
        () => compileExpression(text, 'claims'),
        (error: Error) => error instanceof ExpressionError && reason.test(error.message),
      );
    });
  }

  it('of a rule must be a bool for certain', () => {
    for (const text of [
      'claims.yes',
      'claims.?yes.orValue(true)',
      'has(claims.yes) ? claims.yes : true',
      '1',
      'claims.?yes',
    ]) {
      assert.throws(() => compileExpression(text, 'claims', { isRule: true }), /must evaluate to bool/, text);
    }
  });

  it('about a user has no other fields and no claims', () => {
    for (const text of [
      'user.name',
      'user["username"]',
      'claims.sub',
      'user',
      'user.extra.a + 1',
      'user.uid == 1',
    ]) {
      assert.throws(() => compileExpression(text, 'user'), ExpressionError, text);
    }
  });

  it('that runs long ends early, whatever is around it', () => {
    const many = { list: Array.from({ length: 500 }, (_, index) => index) };
    const text =
      'dyn(claims.list).all(a, dyn(claims.list).all(b, dyn(claims.list).all(c, a + b + c >= 0.0))) || true';
    assert.throws(
      () => compileExpression(text, 'claims', { isRule: true }).evaluateBool(many),
      /too many steps/,
    );
    const long = { text: 'a'.repeat(100_000), list: many.list };
    assert.throws(
      () =>
        compileExpression('dyn(claims.list).all(x, claims.text.matches("^a*$"))', 'claims').evaluateBool(
          long,
        ),
      /too many steps/,
    );
  });

  it('refuses a token that would make it use much memory, or nest without end', () => {
    const text = 'a'.repeat(60_000);
    let deep: unknown = 1;
    for (let level = 0; level < 50_000; level++) deep = [deep];
    const input = { text, other: text, list: Array.from({ length: 20_000 }, () => 'x'), deep };
    for (const [expression, reason] of [
      ['claims.text.replace("a", claims.text)', /too long/],
      ['claims.list.join(claims.text)', /too long|too many steps/],
      ['dyn(claims.list).map(x, claims.text)', /too long/],
      [
        'claims.list.map(x, claims.list.map(y, [y]))'.replaceAll('claims.list', 'dyn(claims.list)'),
        /too many steps/,
      ],
      ['dyn(claims.list).all(x, claims.list == claims.list) ? "a" : "b"', /too many steps/],
      ['claims.deep == claims.deep ? "a" : "b"', /has no result/],
      ['(claims.deep == claims.deep || true) ? "a" : "b"', /has no result/],
    ] as const) {
      assert.throws(() => compileExpression(expression, 'claims').evaluateStrings(input), reason, expression);
    }
  });

  it('knows which claims it selects', () => {
    const selects = (text: string) => compileExpression(text, 'claims').selectsClaim('email_verified');
    for (const text of [
      'claims.email_verified',
      'claims.?email_verified.orValue(true) == true',
      'has(claims.email_verified) ? "a" : "b"',
      '["a"].all(x, claims.email_verified == true)',
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
