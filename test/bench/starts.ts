import type { Bench } from './bench.js';
import { median } from './metrics.js';
import { cpuSeconds } from './process-usage.js';
import { startProgram } from './programs.js';
import type { Findings } from './rounds.js';
import type { Upstream } from './upstream.js';

/** The programs that print when they are ready. */
const announcing = ['kube-api-proxy', 'kubectl'] as const;

/** Starts the programs in turn, with their files in the system's cache. Measures the time and the CPU from the start of the process to its first line. */
export async function runStartRound(
  bench: Bench,
  upstream: Upstream,
  round: number,
  { add, progress }: Findings,
): Promise<void> {
  const { starts, programs } = bench.settings;
  progress(`round ${round}: ${starts} starts`);
  const names = announcing.filter(name => programs.includes(name));
  // This also fills Node's compile cache.
  for (const name of names) await (await startProgram(bench, name, upstream)).stop();
  const taken = new Map(names.map(name => [name, { times: [] as number[], cpu: 0 }]));
  for (let start = 0; start < starts; start += 1) {
    for (const [name, sums] of taken) {
      const began = performance.now();
      const program = await startProgram(bench, name, upstream);
      sums.times.push(performance.now() - began);
      sums.cpu += cpuSeconds(program.pid);
      await program.stop();
    }
  }
  for (const [program, { times, cpu }] of taken) {
    add({ round, program, metric: 'start.time', value: median(times) });
    // The system measures in hundredths of a second.
    add({ round, program, metric: 'start.cpu', value: (cpu / starts) * 1000 });
  }
}
