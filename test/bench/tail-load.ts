import type { ChildProcess } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectSecurely } from 'node:tls';
import type { Bench } from './bench.js';
import { endChild } from './children.js';
import { cpuSeconds } from './process-usage.js';
import { type Program, startProgram } from './programs.js';
import { type Findings, rotated } from './rounds.js';
import { type Transfer, upgradeRequest } from './upgrade-transfer.js';
import type { Upstream } from './upstream.js';
import { askClient, askServer, startScript, type WatchUpstream } from './watch-load.js';
import {
  ask,
  type ClientState,
  type ClientTls,
  type PacedCommand,
  type PacedState,
  readTls,
} from './watch-messages.js';
import { mixture, requestWorkloads, upgradeWorkloads } from './workloads.js';

/** A client that is so late with one request in a hundred, in milliseconds, does not keep to its rate. */
const mostDelay = 20;
/** The least part of the events and bytes due that must arrive in the time of the measurement. */
const leastPart = 0.95;

/** What arrived of the mixture through one program. */
export interface Arrived {
  readonly seconds: number;
  readonly watches: number;
  readonly gets: PacedState;
  readonly lists: PacedState;
  readonly events: Pick<ClientState, 'events' | 'lost'>;
  readonly execBytes: number;
}

/**
 * Measures small GETs beside large lists, busy watches and an exec, through one program after the other, each newly started. Every program
 * has the same work in the same time.
 */
export async function runTailRound(
  bench: Bench,
  upstream: Upstream,
  watches: WatchUpstream,
  round: number,
  { add, doubt, progress }: Findings,
): Promise<void> {
  // Shared watches are less work.
  const names = bench.settings.programs.filter(name => name !== 'shared-watches');
  for (const name of rotated(names, round)) {
    progress(`round ${round}, ${name}: small GETs beside everything else`);
    const program = await startProgram(bench, name, upstream);
    try {
      const { cpu, ...arrived } = await runMixture(bench, program, upstream, watches);
      const { p50, p99, p999 } = arrived.gets;
      const part = cpu === undefined ? {} : { cpu: (cpu / arrived.seconds) * 100 };
      for (const [figure, value] of Object.entries({ p50, p99, p999, ...part }))
        add({ round, program: name, metric: `tail.${figure}`, value });
      for (const reason of reasonsToDoubt(arrived)) doubt(`round ${round}, ${name}, mixture: ${reason}`);
    } finally {
      await program.stop();
    }
  }
}

/** Sends the mixture through a program, and measures after the warm-up. `cpu` is in seconds. */
async function runMixture(
  bench: Bench,
  { pid, url }: Program,
  { pem }: Upstream,
  { server }: WatchUpstream,
): Promise<Arrived & { readonly cpu: number | undefined }> {
  const { tailSeconds, warmUp, watches } = bench.settings;
  const tls = pid === undefined ? { ca: pem.ca, cert: pem.clientCertificate, key: pem.clientKey } : null;
  const clients = await Promise.all(
    ['watch-client', 'paced-client', 'paced-client'].map(script => startScript(bench, `bench/${script}`)),
  );
  const [watchClient, getClient, listClient] = clients as [ChildProcess, ChildProcess, ChildProcess];
  const exec = receiveExec(url, tls);
  try {
    await exec.opened;
    await askClient(watchClient, { command: 'open', url, count: watches, tls, informers: false });
    await askServer(server, { command: 'start', rate: mixture.events, spread: true });
    await askPaced(listClient, { command: 'start', url: url + pathOf('large-list'), tls, ...mixture.lists });
    await askPaced(getClient, { command: 'start', url: url + pathOf('get'), tls, ...mixture.gets });
    await sleep(warmUp * 1000);

    const cpuBefore = pid === undefined ? 0 : cpuSeconds(pid);
    const began = performance.now();
    const bytesBefore = exec.bytes();
    await askClient(watchClient, { command: 'begin' });
    for (const client of [listClient, getClient]) await askPaced(client, { command: 'begin' });
    await sleep(tailSeconds * 1000);
    const gets = await askPaced(getClient, { command: 'end' });
    const lists = await askPaced(listClient, { command: 'end' });
    const events = await askClient(watchClient, { command: 'end' });
    const execBytes = exec.bytes() - bytesBefore;
    const seconds = (performance.now() - began) / 1000;
    const cpu = pid === undefined ? undefined : cpuSeconds(pid) - cpuBefore;
    return { seconds, watches, gets, lists, events, execBytes, cpu };
  } finally {
    exec.stop();
    await Promise.all(clients.map(endChild));
    await askServer(server, { command: 'stop' });
  }
}

/** Says where less arrived than was due, so that the program did not have all of its work in this time. */
export function reasonsToDoubt({ seconds, watches, gets, lists, events, execBytes }: Arrived): string[] {
  const reasons: string[] = [];
  for (const [kind, { failed, delay }] of Object.entries({ 'small GETs': gets, 'large lists': lists })) {
    if (failed > 0) reasons.push(`${failed} ${kind} failed`);
    if (delay > mostDelay) reasons.push(`the client for ${kind} was ${delay.toFixed(0)} ms late`);
  }
  if (events.lost > 0) reasons.push(`${events.lost} watches ended`);
  const due = watches * mixture.events * seconds;
  if (events.events < due * leastPart) reasons.push(`${events.events} of ${due.toFixed(0)} events came`);
  const rate = execBytes / seconds;
  if (rate < mixture.exec * leastPart)
    reasons.push(`exec brought ${(rate / 1e6).toFixed(1)} of ${mixture.exec / 1e6} MB/s`);
  return reasons;
}

/** Opens an upgrade and counts the bytes that come. One buffer takes all reads: garbage collection would be a pause of the load. */
function receiveExec(url: string, tls: ClientTls | null) {
  const { hostname, port, host } = new URL(url);
  const { writes } = upgradeWorkloads[0];
  const transfer: Transfer = {
    direction: 'to client',
    writes,
    bytes: Number.MAX_SAFE_INTEGER,
    rate: mixture.exec,
  };
  let bytes = 0;
  let socket: Socket | undefined;
  const opened = new Promise<void>((resolve, reject) => {
    const callback = (length: number, buffer: Uint8Array): boolean => {
      const head = bytes === 0 ? Buffer.from(buffer.subarray(0, length)).toString('latin1') : undefined;
      bytes += length;
      if (head?.startsWith('HTTP/1.1 101 ')) resolve();
      else if (head !== undefined) reject(new Error(`an upgrade was answered ${head}`));
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafe(64 * 1024), callback };
    const address = { host: hostname, port: Number(port), noDelay: true, onread };
    socket = tls === null ? connect(address) : connectSecurely({ ...address, ...readTls(tls) });
    socket.on('error', reject).write(upgradeRequest(host, transfer));
  });
  return { opened, bytes: () => bytes, stop: () => socket?.destroy() };
}

function pathOf(workload: 'get' | 'large-list'): string {
  return requestWorkloads.find(({ name }) => name === workload)?.path as string;
}

function askPaced(child: ChildProcess, command: PacedCommand): Promise<PacedState> {
  return ask(child, command);
}
