import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Settings } from './settings.js';
import type { Tools } from './tools.js';

/** What every part of one run needs: the settings, the tools, the processors to use, and a temporary folder. */
export interface Run {
  readonly settings: Settings;
  readonly tools: Tools;
  readonly placement: Placement;
  readonly directory: string;
}

/**
 * Processor lists, in taskset's format, for the program under test and for everything else; undefined leaves the choice to the system.
 */
type Placement = Readonly<Record<'program' | 'load', string>> | undefined;

/** Gives the program under test its own processor if this process may use at least two. */
export function choosePlacement(): Placement {
  // A list like `0-3,8` (proc_pid_status(5)).
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const [first, second, ...rest] = list.split(',').flatMap(range => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
  return second === undefined ? undefined : { program: String(second), load: [first, ...rest].join(',') };
}

const running = new Set<ChildProcess>();

/**
 * Starts a process, which `killChildren` ends if it still runs then. Its home is the folder of the run, so that it does not use the
 * developer's settings and caches. Rejects if it cannot be started.
 *
 * @param as Whether it has the processors of the program under test, or those of the load.
 */
export async function startChild(
  { tools: { taskset }, placement, directory }: Run,
  as: 'program' | 'load',
  command: readonly string[],
  stdio: StdioOptions,
  env: Readonly<Record<string, string>> = {},
): Promise<ChildProcess> {
  // taskset replaces itself with the program, so the process id stays the same.
  const pin = placement === undefined ? [] : [taskset, '--cpu-list', placement[as]];
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

/** One round over all programs: what is measured in it goes to the report. */
export interface Round extends Run {
  readonly number: number;
  add(program: string, metric: string, value: number): void;
  /** Reports a reason to doubt the figures. */
  doubt(text: string): void;
  note(text: string): void;
  progress(text: string): void;
}

/** Each round begins with another program, so that no program always runs after the same one. */
export function rotated<T>(names: readonly T[], { number }: Round): T[] {
  const by = (number - 1) % names.length;
  return [...names.slice(by), ...names.slice(0, by)];
}
