import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cluster } from '../../../src/clusters/cluster.js';
import type { ChosenFrom } from '../../../src/clusters/shown.js';
import { ClusterAccess } from '../../../src/features/cluster-access/cluster-access.js';
import { namedUser } from '../../../src/kubernetes/impersonation.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import type { UserInfo } from '../../../src/kubernetes/user-info.js';
import { Deferred } from '../../../src/lib/promises.js';
import type { Question, Verdict } from '../../../src/reviews/reviews.js';
import { ManualClock } from '../../support/manual-clock.js';

const right = { verb: 'list', group: '', resource: 'namespaces' };
const userNamed = (username: string): UserInfo => {
  return { username, uid: undefined, groups: [], extra: new Map() };
};
const [alice, bob] = [userNamed('alice'), userNamed('bob')];
type Answer = boolean | 'silence' | 'error' | 'refused' | 'broken';

/** A gateway whose `/` is the cluster `root`, with clusters that answer as the test says. */
function gatewayWith(names: readonly string[], answerOf: (user: string, cluster: string) => Answer) {
  const clock = new ManualClock(0);
  const asked: { user: string; cluster: string; question: Question }[] = [];
  let open = 0;
  let most = 0;
  const clusters = new Map(
    ['root', ...names].map(name => {
      const identity = `identity of ${name}`;
      return [name, { name, open: async () => ({ identity }) } as unknown as Cluster];
    }),
  );
  const registry = {
    default: clusters.get('root'),
    names: new Set(names),
    get: (name: string) => clusters.get(name),
  } as unknown as ChosenFrom;
  const ask = async (question: Question): Promise<Verdict> => {
    const user = namedUser(question.as as readonly string[])?.username ?? '';
    const { name } = question.cluster;
    asked.push({ user, cluster: name, question });
    most = Math.max(most, ++open);
    const answer = answerOf(user, name);
    if (answer === 'silence') await new Deferred().promise;
    await Promise.resolve();
    open--;
    if (answer === 'broken') throw new Error('broken');
    if (answer === 'refused') throw new StatusError(403, 'not as this user');
    return { isAllowed: answer === true, reason: '', hasError: answer === 'error' };
  };
  const access = new ClusterAccess(right, { clock, reviews: { ask } });
  return {
    ...{ clock, asked, registry, most: () => most },
    /** The names that the caller is shown, those that are unknown with a mark; and whether these are all that may be shown. */
    async list(caller: UserInfo) {
      const { names: shown, unknown, isComplete } = await access.shownTo(caller, registry);
      return [[...shown].map(name => (unknown.has(name) ? `${name}?` : name)).join(' '), isComplete];
    },
  };
}

/** Lets all that needs no time happen. */
const settle = () => new Promise(resolve => setImmediate(resolve));
const many = Array.from({ length: 30 }, (_, index) => `c${index}`);

describe('the clusters that a caller is shown', () => {
  it('are those that say yes to the review as the caller; a no, an error and no answer tell no name', async () => {
    const answers: Record<string, Answer> = { yes: true, no: false, error: 'error', broken: 'broken' };
    const gateway = gatewayWith(Object.keys(answers), (user, name) =>
      name === 'root' ? user === 'alice' : (answers[name] as Answer),
    );
    assert.deepEqual(await gateway.list(alice), ['root yes', false]);
    assert.deepEqual(await gateway.list(bob), ['yes', false]);
    const [first] = gateway.asked;
    assert.deepEqual(first?.question.attributes, { resourceAttributes: right });
    assert.deepEqual(
      gateway.asked.map(({ user, cluster, question: { access } }) => [user, cluster, access]),
      [alice, bob].flatMap(({ username }) =>
        ['root', ...Object.keys(answers)].map(name => [
          ...[username, name],
          { judgedFor: `identity of ${name}`, namesContext: name !== 'root' },
        ]),
      ),
    );
  });

  it('are complete if all have answered, or the gateway sends nothing there as the caller', async () => {
    const gateway = gatewayWith(['a', 'b', 'c'], (_user, name) => (name === 'c' ? 'refused' : name === 'b'));
    assert.deepEqual(await gateway.list(alice), ['b', true]);
  });

  it('are asked 20 at a time, for 2 s in all; whoever gave no answer is asked last next time', async () => {
    const silent = new Set(many.slice(0, 19));
    const gateway = gatewayWith(many, (_user, name) => (silent.has(name) ? 'silence' : true));
    const list = gateway.list(alice);
    await settle();
    gateway.clock.advance(1_999);
    assert.equal(await Promise.race([list, settle()]), undefined, 'it waits for answers');
    gateway.clock.advance(1);
    assert.deepEqual(await list, [`root ${many.slice(19).join(' ')}`, false]);
    assert.equal(gateway.most(), 20);
    gateway.asked.length = 0;
    void gateway.list(alice);
    await settle();
    assert.deepEqual(
      gateway.asked.map(({ cluster }) => cluster),
      ['root', ...many.slice(19), ...many.slice(0, 19)],
    );
  });

  it('are not asked any more after the 2 s', async () => {
    const silent = new Set(many.slice(0, 25));
    const gateway = gatewayWith(many, (_user, name) => (silent.has(name) ? 'silence' : true));
    const list = gateway.list(alice);
    await settle();
    assert.equal(gateway.asked.length, 21, 'root has answered');
    gateway.clock.advance(2_000);
    assert.deepEqual(await list, ['root', false]);
    await settle();
    assert.equal(gateway.asked.length, 21);
    silent.clear();
    assert.deepEqual(await gateway.list(alice), [`root ${many.join(' ')}`, true]);
  });

  it('are one answer for lists that a caller opens within 2 s, and another one for each caller', async () => {
    const gateway = gatewayWith(['a'], user => user === 'alice');
    const lists = await Promise.all([gateway.list(alice), gateway.list(alice), gateway.list(bob)]);
    assert.deepEqual(lists, [
      ['root a', true],
      ['root a', true],
      ['', true],
    ]);
    assert.deepEqual(await gateway.list({ ...alice }), ['root a', true]);
    assert.deepEqual(await gateway.list({ ...alice, groups: ['dev'] }), ['root a', true]);
    assert.equal(gateway.asked.length, 6, 'another group is another user');
    gateway.clock.advance(2_000);
    await gateway.list(alice);
    assert.equal(gateway.asked.length, 8);
  });

  it('keep, as unknown, one that gives no answer to whom it said yes before, until it says no', async () => {
    let answer: Answer = true;
    const gateway = gatewayWith(['a'], (user, name) =>
      name === 'a' && user === 'alice' ? answer : 'broken',
    );
    const next = async (caller: UserInfo, said: Answer) => {
      answer = said;
      gateway.clock.advance(2_000);
      return gateway.list(caller);
    };
    assert.deepEqual(await next(alice, true), ['a', false]);
    assert.deepEqual(await next(alice, 'broken'), ['a?', false]);
    assert.deepEqual(await next(alice, 'error'), ['a?', false]);
    assert.deepEqual(await next(bob, 'broken'), ['', false]);
    assert.deepEqual(await next(alice, false), ['', false]);
    assert.deepEqual(await next(alice, 'broken'), ['', false], 'the last answer counts');
  });
});
