import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that a condition may take on a busy machine. No test waits for them where things work. */
const patience = 30_000;

/**
 * Waits until a condition holds. A condition that throws does not hold yet.
 *
 * @param what Names the condition where it does not hold in time.
 * @param timeout Milliseconds; only a test whose point is a shorter time gives one.
 */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeout = patience,
): Promise<void> {
  const deadline = performance.now() + timeout;
  for (let pause = 1; ; pause = Math.min(2 * pause, 50)) {
    let cause: unknown;
    try {
      if (await holds()) return;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeout} ms`, { cause });
    await delay(pause);
  }
}

/** Waits until a condition holds, which its own text names well enough. */
export function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  return eventually(`${condition}`, condition);
}

/** Waits until a check passes, and gives its result; throws the check's last error where it does not pass in time. */
export async function eventuallyPasses<T>(check: () => T | Promise<T>, timeout = patience): Promise<T> {
  const deadline = performance.now() + timeout;
  for (let pause = 1; ; pause = Math.min(2 * pause, 50)) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await delay(pause);
  }
}

/** The result of a promise, which may take so many milliseconds. */
export async function within<T>(what: string, promise: Promise<T>, timeout = patience): Promise<T> {
  const timer = new AbortController();
  const late = delay(timeout, undefined, { signal: timer.signal }).then(
    () => assert.fail(`${what}: not within ${timeout} ms`),
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}
