import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collectText } from '../support/collected-text.js';
import { cpuSeconds, sampleMemory } from './process-usage.js';
import { type Program, startProgram } from './programs.js';
import { type Round, type Run, rotated, startChild } from './run.js';
import type { Upstream } from './upstream.js';
import { answerBody, type RequestWorkload, requestWorkloads } from './workloads.js';

/** Runs the plain requests: starts all programs and warms them up, then measures one after the other for each workload. */
export async function runRequestRound(round: Round, upstream: Upstream): Promise<void> {
  const { warmUp, workloads, programs: names } = round.settings;
  const chosen = requestWorkloads.filter(({ name }) => workloads.includes(name));
  const [first] = chosen;
  if (first === undefined) return;
  const programs: Program[] = [];
  try {
    // Shared watches make no difference to plain requests.
    for (const name of rotated(names, round).filter(name => name !== 'shared-watches')) {
      round.progress(`${name}: warm-up`);
      const program = await startProgram(round, name, upstream);
      programs.push(program);
      for (const workload of chosen) await expectAnswer(program, workload);
      if (warmUp > 0) await runLoad(round, program.url, first, warmUp);
    }
    const highest = new Map<Program, number>();
    for (const workload of chosen) {
      for (const program of programs) {
        round.progress(`${program.name}: ${workload.title}`);
        const bytes = await measureRequests(round, program, workload);
        highest.set(program, Math.max(bytes, highest.get(program) ?? 0));
      }
    }
    for (const [{ name }, bytes] of highest) round.add(name, 'memory.load', bytes / 1e6);
  } finally {
    await Promise.all(programs.map(program => program.stop()));
  }
}

/** Returns the highest memory use, in bytes. */
async function measureRequests(round: Round, program: Program, workload: RequestWorkload): Promise<number> {
  const { name, pid, url } = program;
  const { seconds, warmUp } = round.settings;
  const memory = sampleMemory(pid);
  // A program has been idle until its turn, so its first second is not measured.
  if (warmUp > 0) await runLoad(round, url, workload, 1);
  const before = cpuSeconds(pid);
  const { requests, requestsPerSecond, p99, errors } = await runLoad(round, url, workload, seconds);
  round.add(name, `${workload.name}.cpu`, ((cpuSeconds(pid) - before) * 1000) / requests);
  round.add(name, `${workload.name}.rate`, requestsPerSecond);
  round.add(name, `${workload.name}.p99`, p99);
  if (errors > 0) round.doubt(`${name}, ${workload.title}: ${errors} errors`);
  return Math.max(...memory.stop());
}

/** Throws unless the program sends the whole answer. */
async function expectAnswer({ name, url }: Program, workload: RequestWorkload): Promise<void> {
  const response = await fetch(url + workload.path);
  const text = await response.text();
  if (response.status === 200 && text === answerBody(workload)) return;
  throw new Error(`${name} answered ${workload.path} with ${response.status} and ${text.slice(0, 300)}`);
}

// wrk's text output is rounded. Its Lua interface has the exact figures, and a script with only `done` does not slow requests down.
const script = `
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("\\nresult %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`;

/**
 * Keeps a program busy for some whole seconds, with one request at a time on each keep-alive connection. The latency is in milliseconds;
 * errors are connections that failed, broke off or timed out, and answers of 400 and above.
 */
async function runLoad(run: Run, url: string, { path, connections }: RequestWorkload, seconds: number) {
  const scriptFile = join(run.directory, 'done.lua');
  await writeFile(scriptFile, script);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', scriptFile];
  const headers = ['-H', 'Accept: application/json', '-H', 'User-Agent: bench'];
  const child = await startChild(
    ...([run, 'load', [run.tools.wrk, ...args, ...headers, url + path]] as const),
    ['ignore', 'pipe', 'pipe'],
  );
  const [stdout, stderr] = [collectText(child.stdout), collectText(child.stderr)];
  await once(child, 'close');
  const match = /^result (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout());
  if (match === null) throw new Error(`wrk has no result for ${url}${path}: ${stdout()}${stderr()}`);
  const [requests = 0, microseconds = 1, p99 = 0, errors = 0] = match.slice(1).map(Number);
  return { requests, requestsPerSecond: (requests / microseconds) * 1e6, p99: p99 / 1000, errors };
}
