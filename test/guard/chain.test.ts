import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { GuardChain } from '../../src/guard/chain.js';
import { answered, everyMount, type Guard, type GuardParts, type OpenCheck } from '../../src/guard/guard.js';
import { Rejection } from '../../src/guard/rejection.js';
import { requestOf } from './judged-request.js';

const rejection = new Rejection(403, 'path', 'no');
const reject: OpenCheck = () => {
  throw rejection;
};

interface Rule {
  readonly check: OpenCheck | undefined;
  readonly stage?: Guard['stage'];
  readonly judges?: Guard['judges'];
  readonly judgesOperations?: true;
}

function chainOf(...rules: readonly Rule[]): GuardChain {
  const guards = rules.map(({ check, ...rule }) => ({
    ...{ name: 'rule', stage: 'page', options: {}, reasons: [], judges: everyMount },
    ...{ ...rule, create: () => check },
  }));
  return new GuardChain({} as never, guards as unknown as readonly Guard[], {} as GuardParts);
}

/** `waits`, `passed`, or the rejection; and how often a recording learned that the request was received. */
async function outcomeOf(chain: GuardChain, request = requestOf('GET /api'), hasEnded = () => false) {
  let received = 0;
  const record = {
    recordings: [{ received: () => received++ }],
    get hasEnded() {
      return hasEnded();
    },
  };
  Object.assign(request, { record });
  let outcome: unknown = 'waits';
  chain.judge(request, verdict => {
    assert.equal(outcome, 'waits');
    outcome = verdict ?? 'passed';
  });
  const atOnce = outcome;
  await setImmediate();
  return { atOnce, outcome, received };
}

describe('the chain of guards', () => {
  it('asks the guards that are on and judge the mount, stage by stage', async () => {
    const asked: string[] = [];
    const asks =
      (name: string): OpenCheck =>
      () =>
        void asked.push(name);
    const chain = chainOf(
      { check: asks('third'), stage: 'user' },
      { check: asks('second') },
      { check: undefined },
      { check: asks('of pages'), judges: ({ isApi }) => !isApi },
      { check: asks('first'), stage: 'answer' },
    );
    const passed = { atOnce: 'passed', outcome: 'passed', received: 1 };
    assert.deepEqual(await outcomeOf(chain), passed);
    assert.deepEqual(asked.splice(0), ['first', 'second', 'third']);
    assert.deepEqual(await outcomeOf(chain, requestOf('GET /', {}, { mount: { isApi: false } })), passed);
    assert.deepEqual(asked, ['first', 'second', 'of pages', 'third']);
  });

  it('counts a rejection by its reason', () => {
    const reasons: string[] = [];
    const observer = {
      rejected: (reason: string) => reasons.push(reason),
      failedUpstream() {},
      refusedGroup() {},
    };
    rejection.count(observer);
    assert.deepEqual(reasons, ['path']);
  });

  it('ends with the first rejection, at once or after a wait, and else goes on behind a guard that has waited', async () => {
    const after = { check: () => assert.fail('it was rejected') };
    assert.deepEqual(await outcomeOf(chainOf({ check: reject }, after)), {
      ...{ atOnce: rejection, outcome: rejection, received: 0 },
    });
    const later = { check: () => Promise.reject(rejection) };
    assert.deepEqual(await outcomeOf(chainOf(later, after)), {
      atOnce: 'waits',
      outcome: rejection,
      received: 0,
    });
    const waits = { check: () => Promise.resolve() };
    assert.deepEqual(await outcomeOf(chainOf(waits)), { atOnce: 'waits', outcome: 'passed', received: 1 });
    const { outcome } = await outcomeOf(chainOf({ check() {} }, waits, { check: reject }));
    assert.equal(outcome, rejection);
  });

  it('says nothing of a request that a guard has answered, or that has ended', async () => {
    const after = { check: () => assert.fail('it has ended') };
    const nothing = { atOnce: 'waits', outcome: 'waits', received: 0 };
    assert.deepEqual(await outcomeOf(chainOf({ check: () => answered }, after)), nothing);
    assert.deepEqual(await outcomeOf(chainOf(after), requestOf('GET /api'), () => true), nothing);
    let ended = false;
    const ends = {
      check: async () => {
        ended = true;
      },
    };
    assert.deepEqual(await outcomeOf(chainOf(ends, after), requestOf('GET /api'), () => ended), nothing);
  });

  it('says why it would reject an operation, by the guards that judge those alone', () => {
    const operation = requestOf('GET /api');
    const judgesOperations = true;
    const rejects = { check: reject, judgesOperations } as const;
    assert.equal(
      chainOf({ check: reject }, { check() {}, judgesOperations }).rejectionOf(operation),
      undefined,
    );
    assert.equal(chainOf({ check() {}, judgesOperations }, rejects).rejectionOf(operation), rejection);
    assert.equal(chainOf({ ...rejects, judges: ({ isApi }) => !isApi }).rejectionOf(operation), undefined);
    const fails = { check: () => assert.fail('a bug'), judgesOperations } as const;
    assert.throws(() => chainOf(fails).rejectionOf(operation), /a bug/);
  });
});
