import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/** A process that cannot outlive the one that started it, nor can any process of its group. */
export type GuardedProcess = ReturnType<typeof startGuarded>;

// The pipe at descriptor 3 ends when its writer dies, however that happens. The group of a process exists as long as this shell, so that
// its number cannot be another group's.
const guard = `{ read -r _ <&3; kill -s KILL -- "-$$"; } & exec "$@" 3<&-`;

/**
 * Starts a program in a session of its own, so that Ctrl-C reaches only the process that started it. It reads nothing.
 *
 * @param output A file descriptor for what it prints.
 */
export function startGuarded(
  command: readonly string[],
  { output, env }: { readonly output: 'inherit' | number; readonly env?: NodeJS.ProcessEnv },
) {
  const child: ChildProcess = spawn('sh', ['-c', guard, 'sh', ...command], {
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
    ...(env !== undefined && { env }),
  });
  const pipe = child.stdio[3] as Writable;
  pipe.on('error', () => {});
  const exited = exitOf(child);
  const end = () => void pipe.destroy();
  exited.then(end, end);
  return {
    pid: child.pid ?? 0,
    exited,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    /** Sends a signal to this process alone. */
    signal: (name: NodeJS.Signals): void => void child.kill(name),
    /** Kills the whole group, and waits for the end. */
    kill(): Promise<ProcessExit> {
      end();
      return exited;
    },
  };
}

interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function exitOf(child: ChildProcess): Promise<ProcessExit> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}
