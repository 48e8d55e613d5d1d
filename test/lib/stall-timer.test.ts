import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { it } from 'node:test';
import { StallTimer } from '../../src/lib/stall-timer.js';

it('a connection without progress is noticed at the ninth check in a row, of ten within its patience', t => {
  let check: (() => void) | undefined;
  t.mock.method(globalThis, 'setInterval', (callback: () => void, interval: number) => {
    assert.deepEqual([check, interval], [undefined, 100]);
    check = callback;
    return {};
  });
  t.mock.method(globalThis, 'clearInterval', () => {
    check = undefined;
  });
  const socket = { bytesRead: 0, bytesWritten: 0, writableLength: 0 };
  let stalls = 0;
  const timer = new StallTimer(socket as Socket, 1_000, () => stalls++);
  const afterChecks = (count: number) => {
    for (let made = 0; made < count; made++) check?.();
    return stalls;
  };
  timer.start();
  assert.equal(afterChecks(8), 0);
  timer.start();
  assert.equal(afterChecks(1), 1, 'a timer that runs does not start again');
  assert.equal(afterChecks(20), 1, 'it has stopped');
  timer.start();
  // A byte is read; one is accepted and waits, and is sent; one is sent at once.
  for (const step of [{ bytesRead: 1 }, { bytesWritten: 1, writableLength: 1 }, { writableLength: 0 }]) {
    assert.equal(afterChecks(8), 1);
    Object.assign(socket, step);
  }
  assert.equal(afterChecks(9), 1);
  assert.equal(afterChecks(1), 2);
  timer.start();
  afterChecks(8);
  timer.stop();
  timer.start();
  assert.equal(afterChecks(8), 2);
});
