import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerIdentity } from '../support/certificates/certificates.js';
import { scriptArguments } from '../support/project.js';
import type { Bench } from './bench.js';
import { endChild, startChild } from './children.js';
import { median } from './metrics.js';
import { cpuSeconds, residentTreeBytes, sampleMemory } from './process-usage.js';
import type { Program } from './programs.js';
import { describeUpstream, type Upstream } from './upstream.js';
import {
  ask,
  type ClientCommand,
  type ClientState,
  type ServerCommand,
  type ServerState,
} from './watch-messages.js';

/** The server that stands for the API server in watches, in its own process. */
export interface WatchUpstream extends Upstream {
  readonly server: ChildProcess;
}

/** The cost of one program's watches. */
export interface WatchResult {
  /** Bytes with open watches: before any event, and the median while events flow. */
  readonly quietBytes: number;
  readonly busyBytes: number;
  readonly cpuSecondsPerEvent: number;
  /** The server's CPU time to send one event to each of its watches. */
  readonly serverSecondsPerRound: number;
  /** Milliseconds from the server's write to the client's read. */
  readonly p99: number;
  /** Milliseconds from the change to the client's read. They contain the time until the server writes to this client's watch. */
  readonly p99SinceChange: number;
  /** Events that did not arrive, and watches that ended. */
  readonly errors: number;
  /** Rounds of events that the server could not send in time and skipped. */
  readonly skipped: number;
  /** Watches that the server has. */
  readonly upstreamWatches: number;
  /** HTTP versions towards the server. */
  readonly protocols: readonly string[];
  /** Access reviews at the server. */
  readonly reviews: number;
}

/** Starts the server for watches. */
export async function startWatchUpstream(bench: Bench, identity: ServerIdentity): Promise<WatchUpstream> {
  const server = await startScript(bench, 'bench/watch-server');
  const { certificate: cert, key } = identity.serverCertificate;
  const { port } = await askServer(server, {
    command: 'listen',
    tls: { ca: identity.authority.certificate, cert, key },
  });
  return { ...(await describeUpstream(identity, port)), server };
}

/** Opens the watches through a program, as so many users if it authenticates them, lets events flow, and measures after the warm-up. */
export async function runWatches(
  bench: Bench,
  { pid, url }: Program,
  { server }: WatchUpstream,
  users = 0,
): Promise<WatchResult> {
  const { watches: count, seconds, warmUp, settle } = bench.settings;
  const before = await askServer(server, { command: 'stop' });
  const client = await startScript(bench, 'bench/watch-client');
  try {
    await askClient(client, { command: 'open', url, count, users });
    await sleep(settle * 1000);
    const quietBytes = residentTreeBytes(pid);

    const { protocols, open, reviews } = await askServer(server, { command: 'start' });
    await sleep(warmUp * 1000);
    const memory = sampleMemory(pid);
    await askClient(client, { command: 'begin' });
    const serverBefore = await askServer(server, { command: 'report' });
    const cpuBefore = cpuSeconds(pid);
    await sleep(seconds * 1000);
    const cpuAfter = cpuSeconds(pid);
    const serverAfter = await askServer(server, { command: 'report' });
    const { events, p99, p99SinceChange } = await askClient(client, { command: 'end' });
    const samples = memory.stop();

    const { sent, skipped } = await askServer(server, { command: 'stop' });
    const expected = (sent - before.sent) * (count / open);
    const { received, lost } = await settled(client, expected);
    return {
      quietBytes,
      busyBytes: median(samples),
      cpuSecondsPerEvent: (cpuAfter - cpuBefore) / events,
      serverSecondsPerRound:
        (serverAfter.cpu - serverBefore.cpu) / (serverAfter.rounds - serverBefore.rounds),
      p99,
      p99SinceChange,
      errors: expected - received + lost,
      skipped: skipped - before.skipped,
      upstreamWatches: open,
      protocols,
      reviews: reviews - before.reviews,
    };
  } finally {
    await endChild(client);
  }
}

/** The client's state when all events have arrived, or after two seconds. */
async function settled(client: ChildProcess, expected: number): Promise<ClientState> {
  const deadline = AbortSignal.timeout(2000);
  for (;;) {
    const state = await askClient(client, { command: 'end' });
    if (state.received >= expected || deadline.aborted) return state;
    await sleep(50);
  }
}

/** Starts a process of the load, which `ask` commands. */
function startScript(bench: Bench, script: string): Promise<ChildProcess> {
  return startChild(bench, [process.execPath, ...scriptArguments(script)], {
    as: 'load',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

function askServer(child: ChildProcess, command: ServerCommand): Promise<ServerState> {
  return ask(child, command);
}

function askClient(child: ChildProcess, command: ClientCommand): Promise<ClientState> {
  return ask(child, command);
}
