import { cpuSeconds } from './process-usage.js';
import { runTrue, startProgram } from './programs.js';
import { median } from './report.js';
import type { Round } from './run.js';
import type { Upstream } from './upstream.js';

/** The programs that print when they are ready. */
const announcing = ['kube-api-proxy', 'kubectl'] as const;

/** Starts the programs in turn, with their files in the system's cache. Measures the time and the CPU from the start of the process to its first line, and beside it that of a run of a command that ends at once. */
export async function runStartRound(round: Round, upstream: Upstream): Promise<void> {
  const { starts, programs } = round.settings;
  round.progress(`${starts} starts`);
  const names = announcing.filter(name => programs.includes(name));
  // This also fills Node's compile cache.
  for (const name of names) await (await startProgram(round, name, upstream)).stop();
  const taken = new Map(names.map(name => [name, { times: [] as number[], cpu: 0 }]));
  const runs: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    for (const [name, sums] of taken) {
      const began = performance.now();
      const program = await startProgram(round, name, upstream);
      sums.times.push(performance.now() - began);
      sums.cpu += cpuSeconds(program.pid);
      await program.stop();
      if (name === 'kube-api-proxy') runs.push(await runTrue(round, upstream));
    }
  }
  if (runs.length > 0) round.add('kube-api-proxy', 'start.run', median(runs));
  for (const [name, { times, cpu }] of taken) {
    round.add(name, 'start.time', median(times));
    // The system measures in hundredths of a second.
    round.add(name, 'start.cpu', (cpu / starts) * 1000);
  }
}
