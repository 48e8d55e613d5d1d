import assert from 'node:assert/strict';
import * as v8 from 'node:v8';
import { GuardChain } from '../../../src/guard/chain.js';
import { everyMount, type Guard, type GuardParts } from '../../../src/guard/guard.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { timed } from '../../../src/lib/phases.js';
import type { RequestContext } from '../../../src/request/context.js';
import { RequestRecord } from '../../../src/request/record.js';
import type { BegunRequest, RecordParts } from '../../../src/request/recorded-request.js';
import type { Lease } from '../../../src/transport/round-trip.js';
import { type CallObserver, UpstreamCall } from '../../../src/transport/upstream-call.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { RecordedResponse } from '../../support/transport/recorded-response.js';
import { accessTo, onlySource, upstreamRequestTo } from '../../support/transport/upstream-requests.js';

// Prints the bytes that are allocated, while nothing traces, for what a request may wait for and for its guards, and with one object more;
// and the objects that are made for a request and its call.

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

const promise = Promise.resolve();
const rule = { name: 'rule', stage: 'page', options: {}, reasons: [], judges: everyMount };
const three = [1, 2, 3].map(() => ({ ...rule, create: () => () => undefined }));
const chain = new GuardChain({} as never, three as unknown as Guard[], {} as GuardParts);
const request = { mount: {}, record: { recordings: [] } } as unknown as RequestContext;
const passed = () => {};

const waiting = bytesOf(() => timed(undefined, 'review', promise, promise));
const guards = bytesOf(() => chain.judge(request, passed));
const object = bytesOf(() => Object.assign(request, { last: {} }));
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

function countObjects() {
  const series = { opened() {}, ended() {} };
  const metrics = { cluster: undefined, requestStarted: () => series };
  const target = { raw: '/p', rawPath: '/p' };
  const listeners: unknown[] = [];
  const on = (_name: string, listener: unknown) => listeners.push(listener);
  const begun = {
    raw: { socket: {} },
    head: { method: 'GET', requestId: 'id', traceparent: undefined },
    mount: { isApi: true, isCounted: true },
    path: { received: target, forServer: target, info: parseRequestInfo('GET', '/p', '') },
    ...{ cluster: { metrics }, reply: { raw: { on } }, http2: undefined, caller: undefined },
  } as unknown as BegunRequest;
  const parts = { recorders: [] } as unknown as RecordParts;
  const record = objectsOf(() => new RequestRecord(begun, parts));

  const lease = { send() {}, pause() {}, resume() {}, abort() {}, isStale: false } as Lease;
  const source = onlySource(accessTo({ lease: () => lease } as never));
  const [asked, sink] = [upstreamRequestTo('/p'), new RecordedResponse()];
  const call = (observer: CallObserver) =>
    objectsOf(() => new UpstreamCall(source, asked, sink, observer).start());
  return { record, call: call({ phases: undefined }), observed: call({ phases: { phase() {} } }) };
}

const bytes = { waiting, guards, object };
process.stdout.write(
  JSON.stringify({ bytes, ...(v8.queryObjects !== undefined && { objects: countObjects() }) }),
);
