import { browser } from './browser.js';
import type { Surroundings } from './follow.js';

/** The browser's page: its visibility, and waiting. */
export const page: Surroundings = {
  visible: signal => {
    if (browser.document.visibilityState === 'visible') return Promise.resolve();
    return until(signal, resolve => {
      browser.document.addEventListener('visibilitychange', () => resolve(), { once: true, signal });
    });
  },
  wait: (milliseconds, signal) => until(signal, resolve => setTimeout(resolve, milliseconds)),
  onHidden: (callback, signal) => {
    const check = () => {
      if (browser.document.visibilityState === 'hidden') callback();
    };
    browser.document.addEventListener('visibilitychange', check, { signal });
  },
};

function until(signal: AbortSignal, begin: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    begin(resolve);
  });
}
