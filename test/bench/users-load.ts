import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callersFlag } from '../support/proxy/callers.js';
import type { Bench } from './bench.js';
import { residentTreeBytes } from './process-usage.js';
import { startProgram } from './programs.js';
import type { Findings } from './rounds.js';
import { runWatches, type WatchResult, type WatchUpstream } from './watch-load.js';
import { tokenOf } from './workloads.js';

/** The watches at the server of clients that share: one, and more while those that begin earlier take over. */
const mostShared = 5;

/** The cost of watches of some users. */
interface Cost extends WatchResult {
  /** Memory of the program for each watch while events flow, in bytes. */
  readonly bytesPerWatch: number;
}

/**
 * Opens watches of as many users as there are watches, and compares them with those of one user. All of them share one watch at the API
 * server.
 */
export async function runUsersRound(
  bench: Bench,
  upstream: WatchUpstream,
  round: number,
  { add: addTo, doubt, progress }: Findings,
): Promise<void> {
  const { programs, watches } = bench.settings;
  if (!programs.includes('shared-watches')) return;
  const tokens = join(bench.directory, 'tokens.csv');
  const lines = Array.from({ length: watches }, (_, user) => `${tokenOf(user)},user-${user},,\n`);
  await writeFile(tokens, lines.join(''));
  const args = [callersFlag(tokens), '--share-watches-across-users', ...bench.settings.args];
  const gateway = { ...bench, settings: { ...bench.settings, args } };
  const run = async (users: number, count = watches): Promise<Cost> => {
    progress(`round ${round}: ${count} watches of ${users} users`);
    const of = { ...gateway, settings: { ...gateway.settings, watches: count } };
    const program = await startProgram(of, 'shared-watches', upstream);
    try {
      const idle = residentTreeBytes(program.pid);
      const result = await runWatches(of, program, upstream, users);
      if (result.errors > 0) doubt(`round ${round}: ${result.errors} events or watches lost`);
      if (result.upstreamWatches > mostShared)
        doubt(`round ${round}: ${count} watches became ${result.upstreamWatches} watches at the server`);
      return { ...result, bytesPerWatch: (result.busyBytes - idle) / count };
    } finally {
      await program.stop();
    }
  };
  const add = (metric: string, value: number) =>
    addTo({ round, program: 'shared-watches', metric: `users.${metric}`, value });

  const ofOne = await run(1);
  const ofAll = await run(watches);
  const single = await run(1, 1);
  add('upstream', ofAll.serverSecondsPerRound / single.serverSecondsPerRound);
  add('memory', ofAll.bytesPerWatch / ofOne.bytesPerWatch);
  add('reviews', ofAll.reviews / watches);
}
