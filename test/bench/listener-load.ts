import { once } from 'node:events';
import { join } from 'node:path';
import type { Bench } from './bench.js';
import { collect, startChild } from './children.js';
import { runLoad } from './load.js';
import { cpuSeconds } from './process-usage.js';
import { type Program, startProgram } from './programs.js';
import { type Findings, rotated } from './rounds.js';
import type { Upstream } from './upstream.js';
import { type Http2Workload, http2Workloads, type RequestWorkload, requestWorkloads } from './workloads.js';

const protocols = ['HTTP/1.1', 'HTTP/2'] as const;

/** Compares HTTP/2 with HTTP/1.1 on the same TLS port: for each, the CPU time of a request. */
export async function runHttp2Round(
  bench: Bench,
  upstream: Upstream,
  round: number,
  { add, progress }: Findings,
): Promise<void> {
  const { serverCertificate, serverKey } = upstream.pem;
  const program = await startWith(bench, upstream, [
    `--tls-cert-file=${serverCertificate}`,
    `--tls-private-key-file=${serverKey}`,
  ]);
  try {
    for (const workload of http2Workloads) {
      const costs = new Map<string, number>();
      for (const protocol of rotated(protocols, round)) {
        progress(`round ${round}, kube-api-proxy: ${workload.title}, over ${protocol}`);
        const load = (seconds: number) => runSecureLoad(bench, program, workload, { seconds, protocol });
        costs.set(protocol, await cpuPerRequest(bench, program, load));
      }
      const value = (costs.get('HTTP/2') as number) / (costs.get('HTTP/1.1') as number);
      add({ round, program: program.name, metric: `http2.${workload.name}`, value });
    }
  } finally {
    await program.stop();
  }
}

/** Compares a program that writes an audit log with one that writes none. */
export async function runAuditRound(
  bench: Bench,
  upstream: Upstream,
  round: number,
  { add, progress }: Findings,
): Promise<void> {
  const [workload] = requestWorkloads as readonly [RequestWorkload];
  const costs: number[] = [];
  for (const log of rotated([undefined, join(bench.directory, 'audit.log')], round)) {
    progress(`round ${round}, kube-api-proxy: ${workload.title} ${log ? 'with' : 'without'} the audit log`);
    const program = await startWith(bench, upstream, log ? [`--audit-log-path=${log}`] : []);
    try {
      const load = async (seconds: number) => (await runLoad(bench, program.url, workload, seconds)).requests;
      costs[log ? 1 : 0] = await cpuPerRequest(bench, program, load);
    } finally {
      await program.stop();
    }
  }
  const [without, withLog] = costs as [number, number];
  add({ round, program: 'kube-api-proxy', metric: 'audit.get', value: withLog / without });
}

function startWith(bench: Bench, upstream: Upstream, more: readonly string[]): Promise<Program> {
  const settings = { ...bench.settings, args: [...bench.settings.args, ...more] };
  return startProgram({ ...bench, settings }, 'kube-api-proxy', upstream);
}

/** Seconds of CPU per request of a load, which returns the number of requests. */
async function cpuPerRequest(
  { settings }: Bench,
  { pid }: Program,
  load: (seconds: number) => Promise<number>,
): Promise<number> {
  if (settings.warmUp > 0) await load(settings.warmUp);
  const before = cpuSeconds(pid as number);
  const requests = await load(settings.seconds);
  return (cpuSeconds(pid as number) - before) / requests;
}

/** Keeps a program busy over TLS, as `runLoad` does; returns the number of answers. Windows are 16 MB, so that no stream waits for its client. */
async function runSecureLoad(
  { directory, tools, placement }: Bench,
  { url }: Program,
  { request, streams }: Http2Workload,
  { seconds, protocol }: { readonly seconds: number; readonly protocol: (typeof protocols)[number] },
): Promise<number> {
  const { path, connections } = request;
  const target = `https://${new URL(url).host}${path}`;
  const connect =
    protocol === 'HTTP/1.1'
      ? ['--h1', `-c${connections}`]
      : [`-c${connections / streams}`, `-m${streams}`, '-w24', '-W24'];
  const child = await startChild(tools.h2load, ['-t1', ...connect, `-D${seconds}`, target], {
    taskset: tools.taskset,
    processors: placement.load,
    home: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stdout = collect(child.stdout);
  await once(child, 'close');
  const match = /^requests: .* (\d+) succeeded, (\d+) failed/m.exec(stdout.text());
  if (match === null || match[1] === '0' || match[2] !== '0')
    throw new Error(`h2load has no result for ${target}: ${stdout.text()}`);
  return Number(match[1]);
}
