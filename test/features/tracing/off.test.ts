import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as v8 from 'node:v8';
import { GuardChain } from '../../../src/guard/chain.js';
import { everyMount, type Guard, type GuardParts } from '../../../src/guard/guard.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { type PhaseObserver, timed } from '../../../src/lib/phases.js';
import type { RequestContext } from '../../../src/request/context.js';
import { RequestRecord } from '../../../src/request/record.js';
import type { BegunRequest, RecordParts } from '../../../src/request/recorded-request.js';
import type { Lease } from '../../../src/transport/round-trip.js';
import { type CallObserver, UpstreamCall } from '../../../src/transport/upstream-call.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { RecordedResponse } from '../../support/transport/recorded-response.js';
import { accessTo, onlySource, upstreamRequestTo } from '../../support/transport/upstream-requests.js';

/** Bytes that a run allocates, after the code for it was made. */
function bytesOf(run: () => void): number {
  const count = 100_000;
  const measure = () => {
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < count; index++) run();
    return (process.memoryUsage().heapUsed - before) / count;
  };
  measure();
  return Math.min(...[1, 2, 3].map(measure));
}

/** The smallest object has 8 bytes or more. */
function assertNone(bytes: number): void {
  assert.ok(bytes < 4, `${bytes} bytes`);
}

/** Objects that a run makes, and that its result keeps: arrays, functions and promises too. */
function objectsOf(make: () => unknown): number {
  const count = 1_000;
  make();
  const kept = new Array<unknown>(count);
  const before = v8.queryObjects(Object, { format: 'count' });
  for (let index = 0; index < count; index++) kept[index] = make();
  const made = v8.queryObjects(Object, { format: 'count' }) - before;
  assert.equal(kept.length, count);
  return made / count;
}

describe('while nothing traces,', () => {
  it('no byte is allocated for what a request may wait for, and for its guards', () => {
    const promise = Promise.resolve();
    assertNone(bytesOf(() => timed(undefined, 'review', promise, promise)));
    const rule = { name: 'rule', stage: 'page', options: {}, reasons: [], judges: everyMount };
    const guards = [1, 2, 3].map(() => ({ ...rule, create: () => () => undefined }));
    const chain = new GuardChain({} as never, guards as unknown as Guard[], {} as GuardParts);
    const request = { mount: {}, record: { recordings: [] } } as unknown as RequestContext;
    const passed = () => {};
    assertNone(bytesOf(() => chain.judge(request, passed)));
    assert.throws(() => assertNone(bytesOf(() => Object.assign(request, { last: {} }))), /bytes/);
  });

  it('a request and its call have no object for it', { skip: v8.queryObjects === undefined }, () => {
    const series = { opened() {}, ended() {} };
    const metrics = { cluster: undefined, requestStarted: () => series };
    const target = { raw: '/p', rawPath: '/p' };
    const listeners: unknown[] = [];
    const on = (_name: string, listener: unknown) => listeners.push(listener);
    const request = {
      raw: { socket: {} },
      head: { method: 'GET', requestId: 'id', traceparent: undefined },
      mount: { isApi: true, isCounted: true },
      path: { received: target, forServer: target, info: parseRequestInfo('GET', '/p', '') },
      ...{ cluster: { metrics }, reply: { raw: { on } }, http2: undefined, caller: undefined },
    } as unknown as BegunRequest;
    const parts = { recorders: [] } as unknown as RecordParts;
    // The record, what its lines say from the start, its callbacks, and the listener for the end.
    assert.equal(
      objectsOf(() => new RequestRecord(request, parts)),
      4,
    );

    const lease = { send() {}, pause() {}, resume() {}, abort() {}, isStale: false } as Lease;
    const source = onlySource(accessTo({ lease: () => lease } as never));
    const [asked, sink] = [upstreamRequestTo('/p'), new RecordedResponse()];
    const call = (phases?: PhaseObserver) =>
      objectsOf(() => new UpstreamCall(source, asked, sink, observer(phases)).start());
    const observers = new Map<PhaseObserver | undefined, CallObserver>();
    const observer = (phases?: PhaseObserver) => {
      const known = observers.get(phases) ?? { phases };
      observers.set(phases, known);
      return known;
    };
    // The call, two functions of it, the request that is sent, and its fields.
    assert.equal(call(), 5);
    assert.equal(call({ phase() {} }), 6, 'the measurement sees one object more');
  });
});
