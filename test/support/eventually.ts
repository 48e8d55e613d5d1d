import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * How long a condition may take on a busy machine, in milliseconds: less than the minute after which the program ends a request by itself. A
 * test that succeeds does not wait that long.
 */
export const patience = 45_000;

/**
 * Waits until a condition holds. A condition that throws does not hold yet.
 *
 * @param what Names the condition in the error if it does not hold in time.
 * @param timeout Milliseconds; only a test about a shorter time sets it.
 */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeout = patience,
): Promise<void> {
  const check = async () => assert.ok(await holds(), 'it does not hold');
  await eventuallyPasses(check, timeout).catch((cause: unknown) => {
    throw new Error(`${what}: not within ${timeout} ms`, { cause });
  });
}

/** Waits until a condition holds. Its source text names it in the error. */
export function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  return eventually(`${condition}`, condition);
}

/** Waits until a check passes, and returns its result. If it does not pass in time, throws the check's last error. */
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

/** The result of a promise. Rejects if it takes longer than this number of milliseconds. */
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
