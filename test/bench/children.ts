import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Bench } from './bench.js';

/** How a child process runs. */
export interface ChildOptions {
  /** Whether it has the processors of the program under test, or those of the load. */
  readonly as: 'program' | 'load';
  /** More environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdio: StdioOptions;
}

const running = new Set<ChildProcess>();

/**
 * Starts a process, which `killChildren` ends if it still runs then. Its home is the folder of the run, so that it does not use the
 * developer's settings and caches. Rejects if it cannot be started.
 */
export async function startChild(
  { tools: { taskset }, placement, directory }: Bench,
  command: readonly [file: string, ...args: string[]],
  { as, env, stdio }: ChildOptions,
): Promise<ChildProcess> {
  const processors = placement[as];
  // taskset replaces itself with the program, so the process id stays the same.
  const pin = taskset === undefined || processors === undefined ? [] : [taskset, '--cpu-list', processors];
  const [file = '', ...args] = [...pin, ...command];
  const child = spawn(file, args, {
    stdio,
    env: { PATH: process.env['PATH'] ?? '', HOME: directory, ...env },
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  await once(child, 'spawn');
  return child;
}

/** Asks a process to end, sends SIGKILL after five seconds, and waits for the end. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await closed;
  clearTimeout(timer);
}

/** Ends every process that still runs, at once: the last thing to do before this one exits. */
export function killChildren(): void {
  for (const child of running) child.kill('SIGKILL');
}
