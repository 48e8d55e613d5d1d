/** A promise that is settled from outside (`Promise.withResolvers` in newer versions of Node). Only the first call settles it. */
export class Deferred<T = void> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (error: Error) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/**
 * Resolves as the promise does, or to what `onLate` returns if the promise takes longer than this number of milliseconds. Rejects if the
 * promise does in time, or if `onLate` throws. A late promise goes on; if it rejects then, nobody hears of it.
 */
export async function within<T, L>(
  milliseconds: number,
  promise: Promise<T>,
  onLate: () => L,
): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, milliseconds);
  });
  try {
    return await Promise.race([promise, late.then(onLate)]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs something with a signal that says when it has to end: when `signal` does, or after so many milliseconds. Then the reason is a
 * TimeoutError with a message such as "within 60 s". Node 20 collects a signal of `AbortSignal.timeout` to which only that of
 * `AbortSignal.any` refers, and it never comes.
 */
export async function withDeadline<T>(
  milliseconds: number,
  signal: AbortSignal,
  run: (end: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const reason = new DOMException(`within ${milliseconds / 1000} s`, 'TimeoutError');
  const timer = setTimeout(() => late.abort(reason), milliseconds).unref();
  try {
    return await run(AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}

/** Runs something once at a time, whoever calls. Those who call during a run share the one after it. */
export function oneAtATime<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  return () => {
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        const result = run();
        running = result;
        return result;
      });
    return next;
  };
}
