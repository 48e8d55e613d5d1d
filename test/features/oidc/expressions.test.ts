import assert from 'node:assert/strict';
import { it } from 'node:test';
import { EvaluationError } from '../../../src/features/common/cel/values.js';
import { compileExpression } from '../../../src/features/oidc/expressions.js';
import { claims } from '../common/cel/truths.js';

it('an expression about claims gives strings, without empty ones, or one string or bool, and an error for another value', () => {
  const strings = (text: string) => compileExpression(text, 'claims').evaluateStrings(claims);
  assert.deepEqual(strings('claims.sub'), ['alice']);
  assert.deepEqual(strings('claims.roles'), ['dev', 'ops']);
  assert.deepEqual(strings('["", claims.csv.substring(0, 1)]'), ['a']);
  for (const none of ['""', 'null', '[]', 'claims.nothing']) assert.deepEqual(strings(none), [], none);
  assert.deepEqual(strings('claims.csv.split(",").map(x, x)'), ['a', 'b', 'c']);
  assert.deepEqual(strings('claims.csv.split(",") + ["d"]'), ['a', 'b', 'c', 'd']);
  for (const wrong of [
    ...['1', 'claims.mixed', 'claims.nested', 'true', 'claims.?sub', 'claims.csv.split(",")'],
  ]) {
    assert.throws(() => strings(wrong), EvaluationError, wrong);
  }
  const name = compileExpression('claims.sub', 'claims');
  assert.equal(name.evaluateString(claims), 'alice');
  assert.throws(() => name.evaluateBool(claims), /is no bool/);
  assert.throws(() => name.evaluateString({ sub: 1 }), /is no string/);
  assert.ok(name.selectsClaim('sub') && !name.selectsClaim('email'));
});
