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
  /** The names of those that are used, and `turn` for each turn of the event loop between them. */
  let uses: string[];
  const cluster = (name: string) => ({ name }) as FoundCluster;
  beforeEach(() => {
    clock = new ManualClock(0);
    [begun, uses] = [[], []];
    readings = new Readings(async ({ name }) => {
      const answer = new Deferred<void>();
      begun.push({ name, answer });
      await answer.promise;
      return async () => {
        uses.push(name);
        setImmediate(() => uses.push('turn'));
      };
    }, clock);
  });
  const names = () => begun.map(({ name }) => name);
  const answerAll = async (error?: Error) => {
    for (const { answer } of begun) error === undefined ? answer.resolve() : answer.reject(error);
    for (let turns = 0; turns < 20; turns++) await turn();
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

  it('are used one after the other, so that requests go on between two of them', async () => {
    const [one, two, three] = [...'abc'].map(cluster) as [FoundCluster, FoundCluster, FoundCluster];
    const asked = [one, two, three].map(each => readings.ask(each));
    await answerAll();
    await Promise.all(asked);
    assert.deepEqual(uses, ['a', 'turn', 'b', 'turn', 'c', 'turn']);
  });

  it('for which a request waits come first', async () => {
    const all = [...'abcdefghijk'].map(cluster);
    for (const each of all) void readings.ask(each);
    void readings.askFirst(all[10] as FoundCluster);
    await answerAll();
    assert.deepEqual(names().slice(8), [...'kij']);
    await answerAll();
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
    for (let turns = 0; turns < 3; turns++) await turn();
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
