import { setTimeout as delay } from 'node:timers/promises';
import type { Program } from './compose.js';

/** How long a shutdown may take, in milliseconds. */
export interface DrainTimes {
  /** readyz fails for so long while everything else goes on, so that load balancers send nothing new. */
  readonly delay: number;
  /** What follows takes no longer than this. */
  readonly grace: number;
}

/**
 * Shuts down: unready first, then nothing new is accepted and watches end at once, upgrades after half of the grace, and what is
 * still there after most of it is cut off. The admin listener answers until the end.
 */
export async function drain(
  { app, openStreams, beUnready, close }: Program,
  times: DrainTimes,
): Promise<void> {
  beUnready();
  await delay(times.delay);
  const timers = [
    setTimeout(() => openStreams.destroy(), times.grace * 0.5),
    setTimeout(() => {
      openStreams.destroy();
      app.server.closeAllConnections();
    }, times.grace * 0.8),
  ];
  await app.close();
  for (const timer of timers) clearTimeout(timer);
  await close();
}
