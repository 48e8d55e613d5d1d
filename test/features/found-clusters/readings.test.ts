import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { FoundCluster } from '../../../src/features/found-clusters/found-cluster.js';
import { Readings } from '../../../src/features/found-clusters/readings.js';
import { Deferred } from '../../../src/lib/promises.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('the readings of objects', () => {
  let clock: ManualClock;
  let begun: { readonly name: string; readonly answer: Deferred<void> }[];
  let readings: Readings;
  const cluster = (name: string) => ({ name }) as FoundCluster;
  beforeEach(() => {
    clock = new ManualClock(0);
    begun = [];
    readings = new Readings(({ name }) => {
      const answer = new Deferred<void>();
      begun.push({ name, answer });
      return answer.promise;
    }, clock);
  });
  const names = () => begun.map(({ name }) => name);
  const answerAll = async (error?: Error) => {
    for (const { answer } of begun) error === undefined ? answer.resolve() : answer.reject(error);
    await turn();
  };

  it('are eight at a time, and never two of one object: what is asked for meanwhile is read once more', async () => {
    const all = [...'abcdefghij'].map(cluster);
    const [first] = all as [FoundCluster];
    const asked = all.map(each => readings.ask(each));
    assert.deepEqual(names(), [...'abcdefgh']);
    let isDone = false;
    void readings.ask(first).then(() => {
      isDone = true;
    });
    void readings.ask(first);
    await answerAll();
    assert.deepEqual([names().slice(8), isDone], [['i', 'j', 'a'], false]);
    await answerAll();
    await Promise.all(asked);
    assert.deepEqual([begun.length, isDone, clock.pending], [11, true, 0]);
  });

  it('that failed are tried again, all by one timer, later each time, until nothing is left or all is closed', async () => {
    const [one, two] = [cluster('one'), cluster('two')];
    for (const each of [one, two]) void readings.ask(each);
    await answerAll(new Error('403'));
    assert.deepEqual([readings.problem, clock.pending], ['403', 1]);
    clock.advance(1_500);
    assert.deepEqual(names(), ['one', 'two', 'one', 'two']);
    await answerAll(new Error('still 403'));
    clock.advance(1_500);
    assert.equal(begun.length, 4);
    clock.advance(1_500);
    assert.equal(begun.length, 6);
    begun[4]?.answer.resolve();
    begun[5]?.answer.reject(new Error('403'));
    await turn();
    assert.equal(readings.problem, '403');
    readings.forget(two);
    assert.equal(readings.problem, undefined);
    clock.advance(60_000);
    assert.equal(begun.length, 6);
    void readings.ask(one);
    readings.close();
    await answerAll(new Error('403'));
    await readings.ask(one);
    assert.deepEqual([begun.length, clock.pending], [7, 0]);
  });
});
