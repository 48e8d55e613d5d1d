import type { Check, Guard } from './guard.js';

/** The configuration of a context is read when a request to it has come so far: nobody that is rejected before has it read. */
export const openCluster = {
  name: 'open cluster',
  options: {},
  reasons: [],
  judges: ({ namesContext }) => namesContext,
  create: (): Check => request => request.openCluster(),
} as const satisfies Guard;
