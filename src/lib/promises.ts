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
