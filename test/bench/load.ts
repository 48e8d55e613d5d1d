import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collectText } from '../support/collected-text.js';
import type { Bench } from './bench.js';
import { startChild } from './children.js';
import type { RequestWorkload } from './workloads.js';

/** What wrk measured; the latency is in milliseconds. */
export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p99: number;
  /** Connections that failed, broke off or timed out, and answers of 400 and above. */
  readonly errors: number;
}

// wrk's text output is rounded. Its Lua interface has the exact figures, and a script with only `done` does not slow requests down.
const script = `
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("\\nresult %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`;

/** Keeps a program busy for some whole seconds, with one request at a time on each keep-alive connection. */
export async function runLoad(
  bench: Bench,
  url: string,
  { path, connections }: RequestWorkload,
  seconds: number,
): Promise<LoadResult> {
  const scriptFile = join(bench.directory, 'done.lua');
  await writeFile(scriptFile, script);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', scriptFile];
  const headers = ['-H', 'Accept: application/json', '-H', 'User-Agent: bench'];
  const child = await startChild(bench, [bench.tools.wrk, ...args, ...headers, url + path], {
    as: 'load',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout = collectText(child.stdout);
  const stderr = collectText(child.stderr);
  await once(child, 'close');
  const match = /^result (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout());
  if (match === null) throw new Error(`wrk has no result for ${url}${path}: ${stdout()}${stderr()}`);
  const [requests = 0, microseconds = 1, p99 = 0, errors = 0] = match.slice(1).map(Number);
  return { requests, requestsPerSecond: (requests / microseconds) * 1e6, p99: p99 / 1000, errors };
}
