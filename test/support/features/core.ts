import type { Core } from '../../../src/feature.js';
import { systemClock } from '../../../src/lib/clock.js';
import type { Logger } from '../../../src/observability/log/logger.js';
import { Reviews } from '../../../src/reviews/reviews.js';
import { createIdleMetrics } from '../proxy/metrics.js';

/** What features are created with; without a program, nothing is logged, and there is no cluster. */
export function createCore(parts: Partial<Core> = {}): Core {
  const ignore = () => {};
  return {
    cluster: undefined as never,
    registry: undefined as never,
    logger: { info: ignore, warn: ignore, error: ignore } as unknown as Logger,
    clock: systemClock,
    env: {},
    listeners: () => [],
    version: '0.0.0',
    isLocal: true,
    rereadInterval: undefined,
    reviews: new Reviews(systemClock),
    missingRights: {
      isProven: () => true,
      proven: ignore,
      missingFor: async () => undefined,
    } as unknown as Core['missingRights'],
    callerRules: { allowed: new Set() },
    ...parts,
    metrics: createIdleMetrics(),
  };
}
