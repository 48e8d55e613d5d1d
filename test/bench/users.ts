import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callersFlag } from '../support/proxy/callers.js';
import { residentTreeBytes } from './process-usage.js';
import type { Round } from './run.js';
import { runWatches, type WatchUpstream, withProgram } from './watches.js';
import { tokenOf } from './workloads.js';

/** The watches at the server of clients that share: one, and more while those that begin earlier take over. */
const mostShared = 5;

/**
 * Opens watches of as many users as there are watches, and compares them with those of one user. All of them share one watch at the API
 * server.
 */
export async function runUsersRound(round: Round, upstream: WatchUpstream): Promise<void> {
  const { programs, watches } = round.settings;
  if (!programs.includes('shared-watches')) return;
  const tokens = join(round.directory, 'tokens.csv');
  const lines = Array.from({ length: watches }, (_, user) => `${tokenOf(user)},user-${user},,\n`);
  await writeFile(tokens, lines.join(''));
  const args = [callersFlag(tokens), '--share-watches-across-users', ...round.settings.args];
  const measure = (users: number, count = watches) => {
    round.progress(`${count} watches of ${users} users`);
    const of = { ...round, settings: { ...round.settings, args, watches: count } };
    return withProgram(of, 'shared-watches', upstream, async program => {
      const idle = residentTreeBytes(program.pid);
      const result = await runWatches(of, program, upstream, users);
      if (result.errors > 0) round.doubt(`${result.errors} events or watches lost`);
      if (result.upstreamWatches > mostShared)
        round.doubt(`${count} watches became ${result.upstreamWatches} watches at the server`);
      return { ...result, bytesPerWatch: (result.busyBytes - idle) / count };
    });
  };
  const ofOne = await measure(1);
  const ofAll = await measure(watches);
  const single = await measure(1, 1);
  const add = (metric: string, value: number) => round.add('shared-watches', `users.${metric}`, value);
  add('upstream', ofAll.serverSecondsPerRound / single.serverSecondsPerRound);
  add('memory', ofAll.bytesPerWatch / ofOne.bytesPerWatch);
  add('reviews', ofAll.reviews / watches);
}
