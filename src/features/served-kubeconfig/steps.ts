import { setImmediate } from 'node:timers/promises';

/** Work that yields wherever it can be interrupted, and returns its result. */
export type Steps<T> = Generator<void, T, void>;

/** Milliseconds of work after which the event loop gets its turn. */
const slice = 3;

/** Does the work in slices. Between two of them the event loop does everything else, such as answering requests. */
export async function runInSlices<T>(steps: Steps<T>): Promise<T> {
  for (let end = performance.now() + slice; ; ) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() < end) continue;
    await setImmediate();
    end = performance.now() + slice;
  }
}
