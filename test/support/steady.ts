import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until a number, of bytes or of requests, has stopped growing: it is the same again after 100 ms. A busy machine can make this too
 * early, so that a test may build on its being at least as large, and not on its being final.
 */
export async function steady(read: () => number): Promise<void> {
  for (let before = Number.NaN, now = read(); now !== before; now = read()) {
    before = now;
    await delay(100);
  }
}
