import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Cluster } from '../../../src/clusters/cluster.js';
import { Reviewer } from '../../../src/features/visible-namespaces/reviewer.js';
import { Viewer } from '../../../src/features/visible-namespaces/viewer.js';
import { Deferred } from '../../../src/lib/deferred.js';
import type { Question } from '../../../src/reviews/reviews.js';
import { ManualClock } from '../../support/manual-clock.js';

interface Asked {
  readonly who: string;
  readonly name: string;
  readonly answer: Deferred<boolean>;
}

let clock: ManualClock;
let asked: Asked[];
let counted: string[];
let reviewer: Reviewer;
beforeEach(() => {
  clock = new ManualClock(0);
  asked = [];
  counted = [];
  const isStillAllowed = ({ as, attributes }: Question) => {
    const answer = new Deferred<boolean>();
    const { name } = (attributes as { resourceAttributes: { name: string } }).resourceAttributes;
    asked.push({ who: as[1] as string, name, answer });
    return answer.promise;
  };
  const observer = {
    reviewed: (result: string, count = 1) => counted.push(...Array(count).fill(result)),
    watches() {},
  };
  reviewer = new Reviewer({ cluster: {} as Cluster, reviews: { isStillAllowed }, clock, observer });
});

function viewer(name: string): Viewer {
  const made = new Viewer(
    name,
    { username: name, uid: undefined, groups: [], extra: new Map() },
    reviewer,
    clock,
  );
  made.as = ['Impersonate-User', name];
  return made;
}

const many = (count: number) => Array.from({ length: count }, (_, at) => ({ name: `n${at}`, uid: `u${at}` }));
const [a, b] = [
  { name: 'a', uid: '1' },
  { name: 'b', uid: '2' },
];

/** Answers all that is asked and will be. */
async function answerAll(isYes = (name: string) => name === 'a'): Promise<void> {
  await turn();
  for (let at = 0; at < asked.length; at += 1) {
    asked[at]?.answer.resolve(isYes(asked[at]?.name ?? ''));
    await turn();
    await turn();
  }
}

async function judge(of: Viewer, ...namespaces: { name: string; uid: string }[]): Promise<string[]> {
  asked = [];
  const judged = of.judge(namespaces);
  await answerAll();
  await judged;
  return asked.map(({ name }) => name);
}

describe('a question whether a user may get a namespace', () => {
  it('is asked with the name of the namespace, as the user', async () => {
    const questions: Question[] = [];
    const reviews = { isStillAllowed: async (question: Question) => questions.push(question) > 0 };
    const parts = { reviews, clock, observer: { reviewed() {}, watches() {} } };
    const cluster = { endpoint: { identity: 'id' } } as unknown as Cluster;
    assert.equal(await new Reviewer({ ...parts, cluster }).ask(viewer('ann'), 'a'), true);
    assert.deepEqual(questions[0], {
      cluster,
      as: ['Impersonate-User', 'ann'],
      attributes: {
        resourceAttributes: { verb: 'get', version: 'v1', resource: 'namespaces', namespace: 'a', name: 'a' },
      },
      scope: cluster.endpoint,
      access: { judgedFor: 'id' },
    });
  });

  it('waits while the user has 20 questions or the cluster 100, and until a connection is free; no user waits behind one that has some', async () => {
    for (let at = 0; at < 7; at += 1) viewer(`u${at}`).judge(many(30));
    await turn();
    const of = (who: string) => asked.filter(question => question.who === who).length;
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 6].map(at => of(`u${at}`)),
      [20, 20, 20, 20, 20, 0, 0],
    );
    for (const { answer } of asked.slice(0, 20)) answer.resolve(false);
    // The connections of the answers are given back at this moment.
    await turn();
    assert.equal(asked.length, 100);
    await turn();
    assert.ok(of('u5') >= 4 && of('u6') >= 4, `${of('u5')} ${of('u6')}`);
    assert.ok(asked.length <= 120);
    await answerAll();
    assert.deepEqual([asked.length, of('u6')], [210, 30]);
  });

  it('is one if several ask it at the same time', async () => {
    const ann = viewer('ann');
    const judged = [ann.judge([a]), ann.judge([a]), ann.judgeAgain(a)];
    await answerAll();
    await Promise.all(judged);
    assert.equal(asked.length, 1);
  });

  it('is not asked again for 10 s after a yes, for 60 s after a no, and about another namespace of the name at once', async () => {
    const ann = viewer('ann');
    assert.deepEqual(await judge(ann, a, b), ['a', 'b']);
    assert.deepEqual([...ann.visible], ['a 1']);
    clock.advance(9_999);
    assert.deepEqual(await judge(ann, a, b), []);
    assert.deepEqual(counted.slice(2), ['remembered', 'remembered']);
    assert.deepEqual(await judge(ann, { name: 'a', uid: 'new' }), ['a']);
    ann.gone(a);
    assert.deepEqual([...ann.visible], ['a new']);
    clock.advance(10_000);
    assert.deepEqual(await judge(ann, b), []);
    clock.advance(50_001);
    assert.deepEqual(await judge(ann, b), ['b']);
    ann.forget('b');
    assert.deepEqual(await judge(ann, b), ['b']);
    ann.forget(undefined);
    assert.deepEqual(await judge(ann, b), ['b']);
  });

  it('has neither a yes nor a no if it fails', async () => {
    const ann = viewer('ann');
    await judge(ann, a);
    ann.forget(undefined);
    asked = [];
    const judged = ann.judge([a, b]);
    await turn();
    asked[0]?.answer.reject(new Error('away'));
    asked[1]?.answer.resolve(true);
    const message = /which namespaces you may get: away/;
    await assert.rejects(judged, { code: 503, message, retryAfterSeconds: 1 });
    assert.deepEqual([...ann.visible], ['a 1', 'b 2']);
    assert.equal(counted.at(-2), 'error');
  });

  it('is asked again if RBAC changes meanwhile', async () => {
    const ann = viewer('ann');
    const judged = ann.judge([a]);
    await turn();
    ann.forget('a');
    asked[0]?.answer.resolve(true);
    await turn();
    asked[1]?.answer.resolve(false);
    await judged;
    assert.deepEqual([asked.length, ann.visible.size], [2, 0]);
  });
});

describe('the questions of watches', () => {
  const watched = (name: string) => {
    const of = viewer(name);
    const changes: number[] = [];
    of.watches.add({ changed: () => changes.push(of.visible.size), end() {} });
    return { of, changes };
  };

  it('are at most 20 in a tenth of a second, one of each user in turn, and none without a watch', async () => {
    const [ann, bob] = [watched('ann'), watched('bob')];
    reviewer.askSoon(viewer('nobody'), many(5));
    reviewer.askSoon(ann.of, many(50));
    reviewer.askSoon(ann.of, many(100).slice(50));
    reviewer.askSoon(bob.of, many(100));
    const rounds: number[] = [];
    for (let round = 0; round < 12; round += 1) {
      await answerAll();
      rounds.push(asked.length);
      clock.advance(100);
    }
    await answerAll();
    assert.deepEqual(rounds.slice(0, 3), [20, 40, 60]);
    assert.equal(asked.length, 200);
    assert.ok(!asked.some(({ who }) => who === 'nobody'));
    const bobs = asked.slice(20, 60).filter(({ who }) => who === 'bob').length;
    assert.equal(bobs, 20);
    assert.equal(clock.pending, 0);
  });

  it('are repeated after a failure, and tell the watches what has changed', async () => {
    const { of, changes } = watched('ann');
    reviewer.askSoon(of, [a]);
    await turn();
    asked[0]?.answer.reject(new Error('away'));
    await turn();
    assert.deepEqual(changes, []);
    clock.advance(5_000);
    await answerAll();
    assert.deepEqual([asked.length, changes], [2, [1]]);
    reviewer.askSoon(of, [a]);
    clock.advance(100);
    await answerAll();
    assert.deepEqual([asked.length, changes], [3, [1]]);
    reviewer.askSoon(of, many(30));
    reviewer.close();
    assert.equal(clock.pending, 0);
  });
});
