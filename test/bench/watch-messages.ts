import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** The commands of the watch server; it answers each once. */
export type ServerCommand =
  | { readonly command: 'listen'; readonly tls: Readonly<Record<'ca' | 'cert' | 'key', string>> }
  | { readonly command: 'start' | 'report' | 'stop' };

/** The server's answer to each of its commands. */
export interface ServerState {
  readonly port: number;
  readonly open: number;
  /** Events written since it started. */
  readonly sent: number;
  /** Rounds of events written since it started: in each, every watch gets one. */
  readonly rounds: number;
  /** CPU time of the server in seconds, user and system. */
  readonly cpu: number;
  /** Rounds of events that were skipped because the round before was still being written. */
  readonly skipped: number;
  /** HTTP versions of the open watches. */
  readonly protocols: readonly string[];
  /** Access reviews since it started. */
  readonly reviews: number;
}

/** The commands of the watch client; it answers each once. */
export type ClientCommand =
  | {
      readonly command: 'open';
      readonly url: string;
      readonly count: number;
      /** As how many users they come, one after another, with the tokens of `users-load.ts`; 0 without a token. */
      readonly users: number;
    }
  | { readonly command: 'begin' | 'end' };

/** The client's answer to each of its commands. Latencies are in milliseconds, of the events between begin and end. */
export interface ClientState {
  /** Events since `begin`; the first event of each watch is not counted. */
  readonly events: number;
  /** Events since the start. */
  readonly received: number;
  /** Watches that ended. */
  readonly lost: number;
  readonly p99: number;
  readonly p99SinceChange: number;
}

/** Sends a command to a child process and waits for the answer. Throws the child's error. */
export async function ask<Command extends { command: string }, State>(
  child: ChildProcess,
  command: Command,
): Promise<State> {
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

/** Answers commands from the parent process one after the other, and exits when the parent has ended. */
export function answer<Command, State>(handle: (command: Command) => Promise<State> | State): void {
  process.on('disconnect', () => process.exit());
  process.on('message', async (command: Command) => {
    try {
      process.send?.(await handle(command));
    } catch (error) {
      process.send?.({ error: (error as Error).message });
    }
  });
}
