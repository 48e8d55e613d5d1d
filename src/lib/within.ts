/**
 * What the promise resolves to or, after `milliseconds`, what `onLate` returns. Rejects if the promise does, or if `onLate` throws. The promise
 * goes on when it is late; nobody is told then that it rejects.
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
