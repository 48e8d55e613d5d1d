/** How long what a check found counts, in milliseconds. */
export interface FindingLifetime {
  readonly passed: number;
  /** Less, so that recovery shows soon. */
  readonly failed: number;
}

/** A check whose finding is shared: probes of several kubelets and balancers do not each ask the API server. */
export function shareFinding(
  check: () => Promise<void>,
  { passed, failed }: FindingLifetime,
  now: () => number = () => performance.now(),
): () => Promise<void> {
  let finding: Promise<void> | undefined;
  let freshUntil = 0;
  return () => {
    if (finding === undefined || now() >= freshUntil) {
      freshUntil = now() + passed;
      finding = check();
      finding.catch(() => {
        freshUntil = now() + failed;
      });
    }
    return finding;
  };
}
