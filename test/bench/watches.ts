import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerIdentity } from '../support/certificates/certificates.js';
import { scriptArguments } from '../support/project.js';
import { residentBytes } from '../support/proxy/process-state.js';
import { cpuSeconds, sampleMemory } from './process-usage.js';
import { type Program, startProgram } from './programs.js';
import { median } from './report.js';
import { endChild, type Round, type Run, rotated, startChild } from './run.js';
import { describeUpstream, type Upstream } from './upstream.js';
import type { ClientCommand, ClientState } from './watch-client.js';
import type { ServerCommand, ServerState } from './watch-server.js';
import { herds } from './workloads.js';

/** The server that stands for the API server in watches, in its own process. */
export interface WatchUpstream extends Upstream {
  readonly server: ChildProcess;
}

/** Starts the server for watches. */
export async function startWatchUpstream(run: Run, identity: ServerIdentity): Promise<WatchUpstream> {
  const server = await startScript(run, 'bench/watch-server');
  const { certificate: cert, key } = identity.serverCertificate;
  const tls = { ca: identity.authority.certificate, cert, key };
  const { port } = await askServer(server, { command: 'listen', tls });
  return { ...(await describeUpstream(identity, port)), server };
}

/** Runs the watches: one program after the other, each newly started, so that its memory is only from this load. */
export async function runWatchRound(round: Round, upstream: WatchUpstream): Promise<void> {
  const { programs: names, settle, watches } = round.settings;
  round.progress('one watch');
  const single = { ...round, settings: { ...round.settings, watches: 1 } };
  const forOne = await withProgram(single, 'kube-api-proxy', upstream, program =>
    runWatches(single, program, upstream),
  );
  for (const name of rotated(names, round)) {
    round.progress(`${name}: ${watches} watches`);
    await withProgram(round, name, upstream, async program => {
      await (await fetch(`${program.url}/version`)).text();
      await sleep(settle * 1000);
      const idle = residentBytes(program.pid);
      const result = await runWatches(round, program, upstream);
      const add = (metric: string, value: number) => round.add(name, metric, value);
      add('watch.cpu', result.cpuSecondsPerEvent * 1e6);
      add('memory.idle', idle / 1e6);
      add('memory.watch', (result.quietBytes - idle) / watches / 1e3);
      add('memory.busy-watch', (result.busyBytes - idle) / watches / 1e3);
      add('watch.p99', result.p99);
      add('watch.changed', result.p99SinceChange);
      add('watch.upstream', result.serverSecondsPerRound / forOne.serverSecondsPerRound);
      const over = `HTTP/${result.protocols.join(' and ')}`;
      round.note(`${name}: the upstream has ${result.upstreamWatches} watches, over ${over}`);
      if (result.errors > 0) round.doubt(`${name}: ${result.errors} events or watches lost`);
      if (result.skipped > 0)
        round.doubt(`${name}: the server for watches fell ${result.skipped} rounds of events behind`);
    });
  }
}

/** Lets informers start at the same moment, each number of them through a program that is newly started. */
export async function runHerdRound(round: Round, upstream: WatchUpstream): Promise<void> {
  const { programs: names, settle, watches } = round.settings;
  for (const name of rotated(names, round))
    for (const count of herds) {
      round.progress(`${name}: ${count} informers`);
      await withProgram(round, name, upstream, async program => {
        await (await fetch(`${program.url}/version`)).text();
        const client = await startScript(round, 'bench/watch-client');
        try {
          await sleep(settle * 1000);
          const before = await askServer(upstream.server, { command: 'report' });
          const memory = sampleMemory(program.pid);
          await askClient(client, { command: 'inform', url: program.url, count: Math.min(count, watches) });
          await sleep(settle * 1000);
          const after = await askServer(upstream.server, { command: 'report' });
          const add = (metric: string, value: number) => round.add(name, `herd-${count}.${metric}`, value);
          add('upstream', (after.cpu - before.cpu) * 1e3);
          add('bytes', (after.bytes - before.bytes) / 1e6);
          add('memory', Math.max(...memory.stop()) / 1e6);
          add('open', after.open);
        } finally {
          await endChild(client);
        }
      });
    }
}

/** Starts a program, uses it, and stops it. */
async function withProgram<T>(
  run: Run,
  name: Program['name'],
  upstream: Upstream,
  use: (program: Program) => Promise<T>,
): Promise<T> {
  const program = await startProgram(run, name, upstream);
  try {
    return await use(program);
  } finally {
    await program.stop();
  }
}

/** Opens the watches through a program, lets events flow, and measures after the warm-up. */
async function runWatches(run: Run, { pid, url }: Program, { server }: WatchUpstream) {
  const { watches: count, seconds, warmUp, settle } = run.settings;
  const before = await askServer(server, { command: 'stop' });
  const client = await startScript(run, 'bench/watch-client');
  try {
    await askClient(client, { command: 'open', url, count });
    await sleep(settle * 1000);
    const quietBytes = residentBytes(pid);

    const { protocols, open } = await askServer(server, { command: 'start' });
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
      /** Bytes with open watches: before any event, and the median while events flow. */
      quietBytes,
      busyBytes: median(samples),
      cpuSecondsPerEvent: (cpuAfter - cpuBefore) / events,
      /** The server's CPU time to send one event to each of its watches. */
      serverSecondsPerRound:
        (serverAfter.cpu - serverBefore.cpu) / (serverAfter.rounds - serverBefore.rounds),
      /** Milliseconds to the client's read: from the server's write, and from the change, which comes before the server writes to this client's watch. */
      ...{ p99, p99SinceChange },
      /** Events that did not arrive, and watches that ended. */
      errors: expected - received + lost,
      /** Rounds of events that the server could not send in time and skipped. */
      skipped: skipped - before.skipped,
      /** Watches that the server has, and their HTTP versions. */
      ...{ upstreamWatches: open, protocols },
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
function startScript(run: Run, script: string): Promise<ChildProcess> {
  const command = [process.execPath, ...scriptArguments(script)];
  return startChild(run, 'load', command, ['ignore', 'inherit', 'inherit', 'ipc']);
}

const askServer: (child: ChildProcess, command: ServerCommand) => Promise<ServerState> = ask;
const askClient: (child: ChildProcess, command: ClientCommand) => Promise<ClientState> = ask;

/** Sends a command to a child process and waits for the answer. Throws the child's error. */
async function ask<State>(child: ChildProcess, command: { readonly command: string }): Promise<State> {
  const ended = new AbortController();
  const onExit = () => ended.abort();
  child.once('exit', onExit);
  child.send(command);
  try {
    const [answer] = (await once(child, 'message', { signal: ended.signal })) as [State & { error?: string }];
    if (answer.error !== undefined) throw new Error(`${command.command}: ${answer.error}`);
    return answer;
  } catch (error) {
    if (ended.signal.aborted) throw new Error(`a process of the load ended at "${command.command}"`);
    throw error;
  } finally {
    child.off('exit', onExit);
  }
}
