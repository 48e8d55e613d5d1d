import type { RequestContext } from '../request/context.js';
import type { Check, Guard } from './guard.js';

/**
 * The configuration of a context is read when the first request to it comes this far. A request that was rejected before does not cause
 * that.
 */
export const openCluster = {
  name: 'open cluster',
  waitsFor: 'credential',
  stage: 'operation',
  options: {},
  reasons: [],
  judges: ({ namesContext }) => namesContext,
  create: (): Check => request => (request.endpoint === undefined ? open(request) : undefined),
} as const satisfies Guard;

async function open(request: RequestContext): Promise<void> {
  await request.openCluster();
}
