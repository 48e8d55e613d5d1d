import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import * as v8 from 'node:v8';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import type { PhaseObserver } from '../../../src/lib/phases.js';
import { RequestRecord } from '../../../src/request/record.js';
import type { BegunRequest, RecordParts } from '../../../src/request/recorded-request.js';
import type { Lease } from '../../../src/transport/round-trip.js';
import { type CallObserver, UpstreamCall } from '../../../src/transport/upstream-call.js';
import { scriptArguments } from '../../support/project.js';
import { RecordedResponse } from '../../support/transport/recorded-response.js';
import { accessTo, onlySource, upstreamRequestTo } from '../../support/transport/upstream-requests.js';

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
    // In a process of its own: what others have run decides how V8 compiles the code.
    const printed = execFileSync(process.execPath, scriptArguments('features/tracing/allocations'), {
      encoding: 'utf8',
    });
    const { waiting, guards, object } = JSON.parse(printed) as Record<string, number>;
    // The smallest object has 8 bytes or more; some may be collected in between.
    for (const bytes of [waiting, guards]) assert.ok((bytes as number) < 4, printed);
    assert.ok((object as number) > 4, printed);
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
