import { GuardChain } from '../../../src/guard/chain.js';
import { everyMount, type Guard, type GuardParts } from '../../../src/guard/guard.js';
import { timed } from '../../../src/lib/phases.js';
import type { RequestContext } from '../../../src/request/context.js';
import { collectGarbage } from '../../support/collect-garbage.js';

// Prints the bytes that are allocated, while nothing traces, for what a request may wait for and for its guards; and with one object more.

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
process.stdout.write(JSON.stringify({ waiting, guards, object }));
