/** What a request waits for, one after the other or again and again. */
export type Phase = 'authentication' | 'review' | 'webhook' | 'credential' | 'dial' | 'head' | 'body';

/** Is told how long a request has waited for what. */
export interface PhaseObserver {
  /**
   * A phase has ended.
   *
   * @param from When it began, on the clock of `performance.now()`; `to` is when it ended.
   * @param error Why it failed; undefined if it did not.
   * @param shared What other requests may have waited for too: the same object for all of them, the first of which has begun it.
   */
  phase(name: Phase, from: number, to: number, error?: unknown, shared?: object): void;
}

/** Tells an observer, if there is one, how long a promise takes. Returns the promise. */
export function timed<T>(
  observer: PhaseObserver | undefined,
  name: Phase,
  promise: Promise<T>,
  shared?: object,
): Promise<T> {
  if (observer === undefined) return promise;
  const from = performance.now();
  const ended = (error?: unknown) => observer.phase(name, from, performance.now(), error, shared);
  promise.then(() => ended(), ended);
  return promise;
}
