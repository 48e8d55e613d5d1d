import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until a number, of bytes or of requests, has stopped growing: it is the same after 100 ms. On a busy machine this can be too early.
 * So a test may rely on the number being at least as large, but not on its being final.
 */
export async function steady(read: () => number): Promise<void> {
  for (let before = Number.NaN, now = read(); now !== before; now = read()) {
    before = now;
    await delay(100);
  }
}
