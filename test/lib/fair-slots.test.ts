import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FairSlots } from '../../src/lib/fair-slots.js';
import { assertLinear } from '../support/growth.js';

/** Takes a slot for a network; `started` has every network that got one, in order. */
function setUp(most: number) {
  const slots = new FairSlots<string>(most);
  const started: string[] = [];
  const take = (network: string, times = 1) => {
    for (let time = 0; time < times; time++) {
      const turn = slots.take(network);
      if (turn === undefined) started.push(network);
      else void turn.then(() => started.push(network));
    }
  };
  const giveBack = async (network: string) => {
    slots.giveBack(network);
    await Promise.resolve();
  };
  return { take, giveBack, started };
}

describe('slots that parties share', () => {
  it('are never all for one party: each further party gets at most half of what is left', () => {
    const { take, started } = setUp(16);
    for (const network of ['a', 'b', 'c', 'd', 'e']) take(network, 100);
    const counts = ['a', 'b', 'c', 'd', 'e'].map(one => started.filter(network => network === one).length);
    assert.deepEqual(counts, [8, 4, 2, 1, 1]);
  });

  it('go in turn to parties without a slot when they become free', async () => {
    const { take, giveBack, started } = setUp(4);
    for (const network of ['a', 'b', 'c', 'd', 'e']) take(network, 50);
    assert.deepEqual(started.splice(0), ['a', 'a', 'b', 'c']);
    await giveBack('a');
    assert.deepEqual(started.splice(0), ['d'], 'a has one still');
    await giveBack('a');
    assert.deepEqual(started.splice(0), ['a']);
    for (const network of ['b', 'c', 'd', 'a', 'e', 'b']) await giveBack(network);
    assert.deepEqual(started, ['b', 'c', 'e', 'd', 'a', 'b']);
  });

  it('start waiting tasks in their order, and finally all of them', async () => {
    const { take, giveBack, started } = setUp(4);
    take('a', 50);
    take('b', 30);
    for (let ended = 0; ended < started.length; ended++) await giveBack(started[ended] as string);
    assert.equal(started.length, 80);
    assert.equal(started.filter(network => network === 'b').length, 30);
    take('c', 2);
    assert.equal(started.length, 82, 'all slots are free again');
  });

  it('may have a limit for each party, and no limit of all', () => {
    const slots = new FairSlots<string>(Infinity, () => 2);
    const takeAll = (party: string) => {
      let taken = 0;
      while (slots.takeNow(party)) taken += 1;
      return taken;
    };
    assert.deepEqual(['jane', 'joe', 'jane'].map(takeAll), [2, 2, 0]);
    slots.giveBack('jane');
    assert.deepEqual(['jane', 'joe'].map(takeAll), [1, 0]);
    assert.equal(slots.taken, 4);
  });

  it('remember a party as long as it has a slot, and no longer', () => {
    const slots = new FairSlots<string>(Infinity, () => 2);
    for (const party of ['jane', 'joe', 'jane', 'jane']) slots.takeNow(party);
    for (const party of ['jane', 'joe']) slots.giveBack(party);
    assert.deepEqual([...slots.parties], ['jane']);
    slots.giveBack('jane');
    assert.deepEqual([...slots.parties], []);
  });

  it('take time in proportion to the number of parties', () => {
    assertLinear(100_000, count => () => {
      const slots = new FairSlots<number>(Infinity, () => 1);
      for (let party = 0; party < count; party++) assert.ok(slots.takeNow(party));
      for (let party = 0; party < count; party++) slots.giveBack(party);
      assert.equal(slots.taken, 0);
    });
  });
});
