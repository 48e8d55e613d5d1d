import type { Bench } from './bench.js';
import { type Program, startProgram } from './programs.js';
import { type Findings, rotated } from './rounds.js';
import { runWatches, type WatchResult, type WatchUpstream } from './watch-load.js';

/** The programs that are compared: what shares, and what does not. */
const compared = ['kube-api-proxy', 'shared-watches'] as const;

/**
 * Starts informers that list by watching, all at once, and lets events flow. It counts the initial streams at the API server, and compares
 * the API server's CPU time for an event with that for one informer.
 */
export async function runInformerRound(
  bench: Bench,
  upstream: WatchUpstream,
  round: number,
  { add, doubt, note, progress }: Findings,
): Promise<void> {
  const { programs, watches } = bench.settings;
  const costs = new Map<Program['name'], number>();
  for (const name of rotated(compared, round).filter(one => programs.includes(one))) {
    progress(`round ${round}, ${name}: ${watches} informers`);
    const result = await runInformers(bench, await startProgram(bench, name, upstream), upstream);
    const { serverSecondsPerRound, lists, sending, listing, upstreamWatches, errors, skipped } = result;
    costs.set(name, serverSecondsPerRound);
    add({ round, program: name, metric: 'informer.streams', value: lists });
    add({ round, program: name, metric: 'informer.listing', value: listing });
    note(
      `${name}: ${watches} informers sent their requests within ${sending.toFixed(0)} ms; then ${upstreamWatches} watches were open`,
    );
    if (errors > 0) doubt(`round ${round}, ${name}: ${errors} events or watches of informers lost`);
    if (skipped > 0)
      doubt(`round ${round}, ${name}: the server for informers skipped ${skipped} rounds of events`);
  }
  // It comes last, when the server's code is compiled as for the others.
  progress(`round ${round}: one informer`);
  const one = { ...bench, settings: { ...bench.settings, watches: 1 } };
  const forOne = await runInformers(one, await startProgram(bench, 'kube-api-proxy', upstream), upstream);
  for (const [name, cost] of costs)
    add({ round, program: name, metric: 'informer.upstream', value: cost / forOne.serverSecondsPerRound });
}

async function runInformers(bench: Bench, program: Program, upstream: WatchUpstream): Promise<WatchResult> {
  try {
    return await runWatches(bench, program, upstream, 'informers');
  } finally {
    await program.stop();
  }
}
