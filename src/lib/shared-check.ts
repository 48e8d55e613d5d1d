/** How long the result of a check is reused, in milliseconds. */
export interface ResultLifetime {
  readonly passed: number;
  /** Shorter than `passed`, so that a recovery is noticed soon. */
  readonly failed: number;
}

/**
 * Returns a check whose callers share its result, so that the probes of several kubelets and load balancers do not each ask the API server.
 */
export function shareCheck(
  check: () => Promise<void>,
  { passed, failed }: ResultLifetime,
  now: () => number = () => performance.now(),
): () => Promise<void> {
  let result: Promise<void> | undefined;
  let freshUntil = 0;
  return () => {
    if (result === undefined || now() >= freshUntil) {
      freshUntil = now() + passed;
      result = check();
      result.catch(() => {
        freshUntil = now() + failed;
      });
    }
    return result;
  };
}
