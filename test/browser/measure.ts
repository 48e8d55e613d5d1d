import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

/** Attempts at a bound in milliseconds: one that other programs on the machine disturb says nothing. */
const attempts = 4;

/** Fails if no attempt stays within a bound in milliseconds. */
export async function staysWithin(bound: number, attempt: () => Promise<number>): Promise<void> {
  const taken: number[] = [];
  for (let count = 0; count < attempts; count++) {
    taken.push(Math.round(await attempt()));
    if ((taken.at(-1) as number) <= bound) return;
  }
  assert.fail(`it took ${taken.join(', ')} ms in turn, and may take ${bound}`);
}

/** Begins to note how long the main thread is blocked, in documents that are loaded from now on. */
export async function watchMainThread(page: Page): Promise<void> {
  await page.addInitScript(`longTasks = [];
    new PerformanceObserver(list => longTasks.push(...list.getEntries().map(({ duration }) => duration)))
      .observe({ type: 'longtask', buffered: true })`);
}

/** The longest time in milliseconds that the main thread was blocked since the last call, or since the document began. */
export function longestBlock(page: Page): Promise<number> {
  return page.evaluate<number>('Math.max(0, ...longTasks.splice(0))');
}
