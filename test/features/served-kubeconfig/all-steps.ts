import type { Steps } from '../../../src/features/served-kubeconfig/steps.js';

/** Does all the work, and returns its result. */
export function allSteps<T>(steps: Steps<T>): T {
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value;
}
