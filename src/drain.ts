import type { Program } from './start.js';

/**
 * Leaves within `grace` milliseconds: nothing new is accepted and watches end at once, upgrades after half of the time,
 * and what is still there after most of it is cut off.
 */
export async function drain({ app, openStreams }: Program, grace: number): Promise<void> {
  const timers = [
    setTimeout(() => openStreams.destroy(), grace * 0.5),
    setTimeout(() => {
      openStreams.destroy();
      app.server.closeAllConnections();
    }, grace * 0.8),
  ];
  await app.close();
  for (const timer of timers) clearTimeout(timer);
}
