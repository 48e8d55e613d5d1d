/** How long the result of a check counts, in milliseconds. */
export interface ResultLifetime {
  readonly passed: number;
  /** Less, so that recovery shows soon. */
  readonly failed: number;
}

/** A check whose callers share its result: probes of several kubelets and balancers do not each ask the API server. */
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
