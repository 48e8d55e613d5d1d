import type { Bench } from './bench.js';
import { type Program, startProgram } from './programs.js';
import { type Findings, rotated } from './rounds.js';
import { runWatches, type WatchResult, type WatchUpstream } from './watch-load.js';

/** The programs that are compared: what shares, and what does not. */
const compared = ['kube-api-proxy', 'shared-watches', 'direct'] as const;

/**
 * Starts informers that list by watching, all at once, and lets events flow. It counts the initial streams at the API server, and compares
 * the API server's CPU time for an event with that for one direct watch.
 */
export async function runInformerRound(
  bench: Bench,
  upstream: WatchUpstream,
  round: number,
  { add, doubt, note, progress }: Findings,
): Promise<void> {
  const { programs, watches } = bench.settings;
  progress(`round ${round}: one informer`);
  const one = { ...bench, settings: { ...bench.settings, watches: 1 } };
  const forOne = await runInformers(one, await startProgram(bench, 'direct', upstream), upstream);
  for (const program of rotated(compared, round).filter(name => programs.includes(name))) {
    progress(`round ${round}, ${program}: ${watches} informers`);
    const result = await runInformers(bench, await startProgram(bench, program, upstream), upstream);
    const { serverSecondsPerRound, lists, sending, listing, upstreamWatches, errors, skipped } = result;
    add({
      round,
      program,
      metric: 'informer.upstream',
      value: serverSecondsPerRound / forOne.serverSecondsPerRound,
    });
    add({ round, program, metric: 'informer.streams', value: lists });
    add({ round, program, metric: 'informer.listing', value: listing });
    note(
      `${program}: ${watches} informers sent their requests within ${sending.toFixed(0)} ms; then ${upstreamWatches} watches were open`,
    );
    if (errors > 0) doubt(`round ${round}, ${program}: ${errors} events or watches of informers lost`);
    if (skipped > 0)
      doubt(`round ${round}, ${program}: the server for informers skipped ${skipped} rounds of events`);
  }
}

async function runInformers(bench: Bench, program: Program, upstream: WatchUpstream): Promise<WatchResult> {
  try {
    return await runWatches(bench, program, upstream, 'informers');
  } finally {
    await program.stop();
  }
}
