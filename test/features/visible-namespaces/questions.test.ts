import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Cluster } from '../../../src/clusters/cluster.js';
import { Questions } from '../../../src/features/visible-namespaces/questions.js';
import { Deferred } from '../../../src/lib/promises.js';
import type { Question } from '../../../src/reviews/reviews.js';
import { ReplacedError } from '../../../src/transport/access.js';
import { ManualClock } from '../../support/manual-clock.js';
import { type Answer, answeringPool, jsonOf } from '../../support/transport/answering-pool.js';
import { accessTo, endpoint, onlySource } from '../../support/transport/upstream-requests.js';

let clock: ManualClock;
let asked: { readonly question: Question; readonly answer: Deferred<boolean> }[];
let counted: string[];
let answer: (path: string, body: unknown) => Answer;
let questions: Questions;
let cluster: Cluster;
beforeEach(() => {
  clock = new ManualClock(0);
  asked = [];
  counted = [];
  const pool = answeringPool(({ path, method, body }) =>
    answer(path, method === 'POST' ? jsonOf(body) : undefined),
  );
  cluster = {
    ...{ host: 'api', endpoint: { identity: endpoint }, ...onlySource(accessTo(pool)) },
  } as unknown as Cluster;
  questions = new Questions(cluster, {
    clock,
    reviews: {
      authorizer: undefined,
      ask: () => assert.fail('not asked'),
      forget() {},
      denialOf: () => undefined,
      askNow: async question => {
        const deferred = new Deferred<boolean>();
        asked.push({ question, answer: deferred });
        return { isAllowed: await deferred.promise, reason: '', hasError: false };
      },
    },
    observer: { watches() {}, reviewed: result => counted.push(result) },
  });
});

const user = (name: string) => ({ as: ['Impersonate-User', name] });

describe('a question of the gateway about a user', () => {
  it('is asked with the name of the namespace, or about all, as the user', async () => {
    const answers = [questions.mayGet(user('ann'), 'a'), questions.mayGet(user('ann'), '')];
    await turn();
    const all = { verb: 'get', version: 'v1', resource: 'namespaces' };
    for (const [at, attributes] of [{ ...all, namespace: 'a', name: 'a' }, all].entries())
      assert.deepEqual(asked[at]?.question, {
        ...{ cluster, as: ['Impersonate-User', 'ann'], access: { judgedFor: endpoint } },
        attributes: { resourceAttributes: attributes },
      });
    asked[0]?.answer.resolve(true);
    asked[1]?.answer.resolve(false);
    assert.deepEqual(
      [await Promise.all(answers), counted],
      [
        [true, false],
        ['allowed', 'refused'],
      ],
    );
  });

  it('fails with 503 if nobody can say it, but as it is if another API server has taken the place', async () => {
    for (const error of [new Error('away'), new ReplacedError()]) {
      const question = questions.mayGet(user('ann'), 'a');
      await turn();
      asked.at(-1)?.answer.reject(error);
      const expected =
        error instanceof ReplacedError
          ? error
          : { code: 503, message: /may get: away/, retryAfterSeconds: 1 };
      await assert.rejects(question, expected);
    }
    assert.deepEqual(counted, ['error', 'error']);
  });

  it('is one of at most 20 in a tenth of a second, of each user in turn', async () => {
    const ann = user('ann');
    for (let at = 0; at < 100; at += 1) questions.mayGet(ann, `${at}`).catch(() => {});
    const bob = user('bob');
    for (let at = 0; at < 5; at += 1) questions.mayGet(bob, `${at}`).catch(() => {});
    const rounds: number[] = [];
    let bobs = 0;
    for (let round = 0; round < 6; round += 1) {
      await turn();
      rounds.push(asked.length);
      if (round === 1) bobs = asked.filter(({ question }) => question.as[1] === 'bob').length;
      for (const { answer } of asked) answer.resolve(true);
      await turn();
      clock.advance(99);
      await turn();
      assert.equal(asked.length, rounds.at(-1));
      clock.advance(1);
    }
    assert.deepEqual(rounds, [20, 40, 60, 80, 100, 105]);
    assert.equal(bobs, 5);
  });

  it('waits while 20 others have no answer', async () => {
    const first = user('ann');
    for (let at = 0; at < 21; at += 1) questions.mayGet(first, `${at}`).catch(() => {});
    await turn();
    clock.advance(1_000);
    await turn();
    assert.equal(asked.length, 20);
    asked[0]?.answer.resolve(true);
    await turn();
    // Its turn is over long since.
    clock.advance(0);
    await turn();
    assert.equal(asked.length, 21);
  });

  it('is whether the API server can list what the user may do', async () => {
    for (const [status, incomplete, expected] of [
      [201, false, true],
      [201, true, false],
      [201, undefined, false],
      [500, false, 503],
    ] as const) {
      answer = (path, body) => {
        assert.match(path, /\/selfsubjectrulesreviews$/);
        assert.deepEqual((body as { spec: object }).spec, { namespace: 'default' });
        return { status, body: { status: { incomplete } } };
      };
      const found = await questions.canList(user('ann')).catch(({ code }) => code);
      assert.equal(found, expected);
    }
  });

  it('is what the newest version is', async () => {
    for (const [status, resourceVersion, expected] of [
      [200, '17', 17n],
      [200, 'x', 503],
      [403, '17', 503],
    ] as const) {
      answer = path => {
        assert.equal(path, '/api/v1/namespaces?limit=1');
        return { status, body: { metadata: { resourceVersion } } };
      };
      assert.equal(await questions.newestVersion().catch(({ code }) => code), expected);
    }
  });
});

it('nothing is left of the timers after the end', async () => {
  const ran: string[] = [];
  questions.later(10, () => ran.push('early'));
  questions.later(20, () => ran.push('late'));
  clock.advance(10);
  questions.close();
  clock.advance(10);
  assert.deepEqual([ran, clock.pending], [['early'], 0]);
});
