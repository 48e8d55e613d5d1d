import type { Check, Guard } from './guard.js';

/**
 * The configuration of a context is read when the first request to it comes this far. A request that was rejected before does not cause
 * that.
 */
export const openCluster = {
  name: 'open cluster',
  options: {},
  reasons: [],
  judges: ({ namesContext }) => namesContext,
  create: (): Check => request => request.openCluster(),
} as const satisfies Guard;
