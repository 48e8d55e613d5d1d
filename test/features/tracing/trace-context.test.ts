import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readTraceContext, traceFields } from '../../../src/features/tracing/trace-context.js';
import { assertLinear } from '../../support/growth.js';

const trace = '0af7651916cd43dd8448eb211c80319c';
const span = 'b7ad6b7169203331';
const valid = `00-${trace}-${span}-01`;

function stateOf(...values: readonly string[]): string | undefined {
  const fields = values.flatMap(value => ['tracestate', value]);
  return readTraceContext(['traceparent', valid, ...fields])?.state;
}

describe('the trace of a client', () => {
  it('is that of a valid traceparent, also of a later version, with its sampled flag', () => {
    for (const [value, isSampled] of [
      [valid, true],
      [` ${valid} `, true],
      [`00-${trace}-${span}-00`, false],
      [`00-${trace}-${span}-02`, false],
      [`00-${trace}-${span}-ff`, true],
      [`01-${trace}-${span}-01-more`, true],
      [`01-${trace}-${span}-01`, true],
    ] as const) {
      const context = { traceId: trace, spanId: span, isSampled, state: undefined };
      assert.deepEqual(readTraceContext(['TraceParent', value]), context, value);
    }
  });

  it('is ignored if the traceparent is invalid, or there are several', () => {
    for (const value of [
      '',
      valid.toUpperCase(),
      `ff-${trace}-${span}-01`,
      `00-${'0'.repeat(32)}-${span}-01`,
      `00-${trace}-${'0'.repeat(16)}-01`,
      `00-${trace}-${span}-1`,
      `00-${trace}-${span}-01-more`,
      `01-${trace}-${span}-01more`,
      `00-${trace}${span}-01`,
      `${valid}, ${valid}`,
      `0-${trace}-${span}-01`,
      `00-${trace}-${span}-0g`,
    ]) {
      assert.equal(readTraceContext(['traceparent', value]), undefined, value);
    }
    assert.equal(readTraceContext(['traceparent', valid, 'Traceparent', valid]), undefined);
    assert.equal(readTraceContext(['tracestate', 'a=1']), undefined);
  });

  it('has the state of all valid lists of at most 8 KB and 32 members, and else none', () => {
    assert.equal(stateOf('a=1', ' b@c=x y , ,d/e=2'), 'a=1,b@c=x y,d/e=2');
    const members = (count: number) => Array.from({ length: count }, (_, index) => `k${index}=v`).join(',');
    assert.equal(stateOf(members(32)), members(32));
    const long = (length: number) => `a=${'x'.repeat(length)}`;
    assert.equal(stateOf(long(256)), long(256));
    for (const value of [
      ...['', ',', 'a', '=1', 'A=1', 'a=', 'a=1=2', 'a=1,a=2', 'a=\x01', 'a=é', ' a = 1'],
      ...[members(33), long(257), `${'k'.repeat(257)}=v`],
      Array.from({ length: 33 }, (_, index) => `k${index}=${'x'.repeat(250)}`).join(','),
    ]) {
      assert.equal(stateOf(value), undefined, value);
    }
  });

  it('is read in one pass', () => {
    for (const text of ['a=,', ',', ' ', 'a=1,']) {
      assertLinear(1 << 20, length => {
        const value = text.repeat(length / text.length);
        return () => [stateOf(value), readTraceContext(['traceparent', `00-${value}`])];
      });
    }
  });

  it('is sent on as two fields', () => {
    const context = { traceId: trace, isSampled: true, state: 'a=1' };
    assert.deepEqual(traceFields(context, span), ['traceparent', valid, 'tracestate', 'a=1']);
    const unsampled = { ...context, isSampled: false, state: undefined };
    assert.deepEqual(traceFields(unsampled, span), ['traceparent', `00-${trace}-${span}-00`]);
  });
});
