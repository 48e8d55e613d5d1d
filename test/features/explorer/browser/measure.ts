import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

/** How often a measurement is tried, because other programs on the machine can disturb a single one. */
const attempts = 8;

/** Throws if no attempt stays within a limit in milliseconds. */
export async function staysWithin(bound: number, attempt: () => Promise<number>): Promise<void> {
  const taken: number[] = [];
  for (let count = 0; count < attempts; count++) {
    taken.push(Math.round(await attempt()));
    if ((taken.at(-1) as number) <= bound) return;
  }
  assert.fail(`it took ${taken.join(', ')} ms in turn, and may take ${bound}`);
}

/** Records how long the main thread is blocked, in documents that are loaded from now on. */
export async function watchMainThread(page: Page): Promise<void> {
  await page.addInitScript(`longTasks = [];
    new PerformanceObserver(list => longTasks.push(...list.getEntries().map(({ duration }) => duration)))
      .observe({ type: 'longtask', buffered: true })`);
}

/** The longest time in milliseconds that the main thread was blocked since the last call, or since the document began. */
export function longestBlock(page: Page): Promise<number> {
  return page.evaluate<number>('Math.max(0, ...longTasks.splice(0))');
}

/**
 * Clicks on the first element of a selector with exactly this text. Returns the milliseconds until another text is in the page. Both are
 * measured in the page itself, because the browser's driver alone takes a second on a busy machine.
 */
export function clickTime(page: Page, selector: string, text: string, awaited: string): Promise<number> {
  const [from, to] = [JSON.stringify([selector, text]), JSON.stringify(awaited)];
  return page.evaluate<number>(`new Promise(resolve => {
    const [selector, text] = ${from};
    const element = [...document.querySelectorAll(selector)].find(({ textContent }) => textContent === text);
    const begun = performance.now();
    element.click();
    const look = () => {
      if (document.querySelector('main').textContent.includes(${to})) resolve(performance.now() - begun);
      else requestAnimationFrame(look);
    };
    look();
  })`);
}
