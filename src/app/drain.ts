import { setTimeout as delay } from 'node:timers/promises';
import type { Program } from './compose.js';

/** The times of a shutdown, in milliseconds. */
export interface DrainTimes {
  /** For this long readyz fails while everything else goes on, so that load balancers send no new requests. */
  readonly delay: number;
  /** The rest of the shutdown takes no longer than this. */
  readonly grace: number;
}

/**
 * Shuts down. First readyz fails. Then no new connections are accepted, and watches end immediately. What is still
 * open after 80 % of the grace period is cut off. The admin listener answers until the end.
 */
export async function drain(
  { app, openStreams, beUnready, close }: Program,
  times: DrainTimes,
): Promise<void> {
  beUnready();
  await delay(times.delay);
  const timer = setTimeout(() => {
    openStreams.destroy();
    app.server.closeAllConnections();
  }, times.grace * 0.8);
  await app.close();
  clearTimeout(timer);
  await close();
}
