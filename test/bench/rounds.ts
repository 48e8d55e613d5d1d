import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.js';
import { runLoad } from './load.js';
import type { Sample } from './metrics.js';
import { cpuSeconds, residentTreeBytes, sampleMemory } from './process-usage.js';
import { type Program, startProgram } from './programs.js';
import type { Upstream } from './upstream.js';
import { runWatches, type WatchUpstream } from './watch-load.js';
import { answerBody, type RequestWorkload, requestWorkloads } from './workloads.js';

/** What receives the results of a round. */
export interface Findings {
  add(sample: Sample): void;
  /** Reports a reason to doubt the figures. */
  doubt(text: string): void;
  note(text: string): void;
  progress(text: string): void;
}

const megabyte = 1e6;
const kilobyte = 1e3;

/** Runs the plain requests: starts all programs and warms them up, then measures one after the other for each workload. */
export async function runRequestRound(
  bench: Bench,
  upstream: Upstream,
  round: number,
  findings: Findings,
): Promise<void> {
  const { warmUp, workloads, programs: names } = bench.settings;
  const chosen = requestWorkloads.filter(({ name }) => workloads.includes(name));
  const [first] = chosen;
  if (first === undefined) return;

  const programs: Program[] = [];
  try {
    // Shared watches make no difference to plain requests.
    for (const name of rotated(names, round).filter(name => name !== 'shared-watches')) {
      findings.progress(`round ${round}, ${name}: warm-up`);
      const program = await startProgram(bench, name, upstream);
      programs.push(program);
      for (const workload of chosen) await expectAnswer(program, workload);
      if (warmUp > 0) await runLoad(bench, program.url, first, warmUp);
    }
    const highest = new Map<Program, number>();
    for (const workload of chosen) {
      for (const program of programs) {
        findings.progress(`round ${round}, ${program.name}: ${workload.title}`);
        const bytes = await measureRequests(bench, program, workload, round, findings);
        highest.set(program, Math.max(bytes, highest.get(program) ?? 0));
      }
    }
    for (const [{ name }, bytes] of highest) {
      findings.add({ round, program: name, metric: 'memory.load', value: bytes / megabyte });
    }
  } finally {
    await Promise.all(programs.map(program => program.stop()));
  }
}

/** Returns the highest memory use, in bytes. */
async function measureRequests(
  bench: Bench,
  { name, pid, url }: Program,
  workload: RequestWorkload,
  round: number,
  findings: Findings,
): Promise<number> {
  const { seconds, warmUp } = bench.settings;
  const add = (figure: string, value: number) =>
    findings.add({ round, program: name, metric: `${workload.name}.${figure}`, value });
  const memory = sampleMemory(pid);
  // A program has been idle until its turn, so its first second is not measured.
  if (warmUp > 0) await runLoad(bench, url, workload, 1);
  const before = cpuSeconds(pid);
  const { requests, requestsPerSecond, p99, errors } = await runLoad(bench, url, workload, seconds);
  add('cpu', ((cpuSeconds(pid) - before) * 1000) / requests);
  add('rate', requestsPerSecond);
  add('p99', p99);
  if (errors > 0) findings.doubt(`round ${round}, ${name}, ${workload.title}: ${errors} errors`);
  return Math.max(...memory.stop());
}

/** Throws unless the program sends the whole answer. */
async function expectAnswer({ name, url }: Program, workload: RequestWorkload): Promise<void> {
  const { path } = workload;
  const bytes = Buffer.byteLength(answerBody(workload));
  const response = await fetch(url + path);
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status === 200 && body.length === bytes) return;
  const start = body.toString('utf8', 0, 300);
  throw new Error(
    `${name} answered ${path} with ${response.status} and ${body.length} of ${bytes} bytes: ${start}`,
  );
}

/** Runs the watches: one program after the other, each newly started, so that its memory is only from this load. */
export async function runWatchRound(
  bench: Bench,
  upstream: WatchUpstream,
  round: number,
  findings: Findings,
): Promise<void> {
  const { programs: names, settle, watches } = bench.settings;
  const forOne = await serverSecondsForOne(bench, upstream, round, findings);
  for (const name of rotated(names, round)) {
    findings.progress(`round ${round}, ${name}: ${watches} watches`);
    const program = await startProgram(bench, name, upstream);
    const { pid } = program;
    const add = (metric: string, value: number) => findings.add({ round, program: name, metric, value });
    try {
      await (await fetch(`${program.url}/version`)).text();
      await sleep(settle * 1000);
      const idle = residentTreeBytes(pid);
      const result = await runWatches(bench, program, upstream);
      add('watch.cpu', result.cpuSecondsPerEvent * 1e6);
      add('memory.idle', idle / megabyte);
      add('memory.watch', (result.quietBytes - idle) / watches / kilobyte);
      add('memory.busy-watch', (result.busyBytes - idle) / watches / kilobyte);
      add('watch.p99', result.p99);
      add('watch.changed', result.p99SinceChange);
      add('watch.upstream', result.serverSecondsPerRound / forOne);
      const over = `HTTP/${result.protocols.join(' and ')}`;
      findings.note(`${name}: the upstream has ${result.upstreamWatches} watches, over ${over}`);
      if (result.errors > 0)
        findings.doubt(`round ${round}, ${name}: ${result.errors} events or watches lost`);
      if (result.skipped > 0) {
        findings.doubt(
          `round ${round}, ${name}: the server for watches fell ${result.skipped} rounds of events behind`,
        );
      }
    } finally {
      await program.stop();
    }
  }
}

/** The server's CPU time per event, in seconds, with a single watch. */
async function serverSecondsForOne(
  bench: Bench,
  upstream: WatchUpstream,
  round: number,
  { progress }: Findings,
): Promise<number> {
  progress(`round ${round}: one watch`);
  const program = await startProgram(bench, 'kube-api-proxy', upstream);
  try {
    const settings = { ...bench.settings, watches: 1 };
    return (await runWatches({ ...bench, settings }, program, upstream)).serverSecondsPerRound;
  } finally {
    await program.stop();
  }
}

/** Each round begins with another program, so that no program always runs after the same one. */
export function rotated<T>(names: readonly T[], round: number): T[] {
  const by = (round - 1) % names.length;
  return [...names.slice(by), ...names.slice(0, by)];
}
