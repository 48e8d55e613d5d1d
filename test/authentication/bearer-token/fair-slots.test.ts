import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FairSlots } from '../../../src/authentication/bearer-token/fair-slots.js';

/** Takes a slot for a network; `started` has every network that got one, in order. */
function setUp(most: number) {
  const slots = new FairSlots(most);
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

describe('slots that networks share', () => {
  it('are never all for one network: each further network gets at most half of what is left', () => {
    const { take, started } = setUp(16);
    for (const network of ['a', 'b', 'c', 'd', 'e']) take(network, 100);
    const counts = ['a', 'b', 'c', 'd', 'e'].map(one => started.filter(network => network === one).length);
    assert.deepEqual(counts, [8, 4, 2, 1, 1]);
  });

  it('go in turn to networks without a slot when they become free', async () => {
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
});
