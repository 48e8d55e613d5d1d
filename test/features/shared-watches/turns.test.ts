import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../../src/features/shared-watches/turns.js';

const turn = () => new Promise(setImmediate);

describe('turns', () => {
  it('come in the order of the calls, and once for a caller that calls several times', () => {
    const turns = new Turns(() => 0);
    const worked: string[] = [];
    const workers = ['a', 'b'].map(name => ({ work: () => void worked.push(name) }));
    for (const worker of [...workers, ...workers]) turns.call(worker);
    turns.run();
    assert.deepEqual(worked, ['a', 'b']);
    turns.run();
    assert.deepEqual(worked, ['a', 'b']);
  });

  it('yield to the event loop after 10 ms of work, and then continue', async () => {
    let now = 0;
    const turns = new Turns(() => now);
    let worked = 0;
    const work = () => {
      worked += 1;
      now += 4;
    };
    for (let count = 0; count < 7; count++) turns.call({ work });
    turns.run();
    assert.equal(worked, 3);
    turns.run();
    assert.equal(worked, 3, 'what waits for its turn is not hurried');
    await turn();
    assert.equal(worked, 6);
    await turn();
    assert.equal(worked, 7);
  });
});
