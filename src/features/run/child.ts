import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';

/** A program to start, with the terminal of this process. */
export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds that it may take to end after a SIGTERM. */
  readonly grace: number;
}

/** Milliseconds between two looks at whether a signal has stopped the child, and how many looks there are. */
const stopInterval = 20;
const stopLooks = 25;

/** Exit codes of a shell for what cannot be started (POSIX, "Exit Status for Commands"). */
export const cannotStart = { 'not found': 127, 'not executable': 126 } as const;

/**
 * Starts a program in the process group of this one, and resolves to its exit code: as a shell says it, 128 and the number of a signal that
 * has ended it. From the call on, this process is not ended by the signals that a terminal sends to both, and passes on those that are for
 * the program: SIGTERM and SIGHUP, and SIGINT if there is no terminal.
 */
export function runChild({ command, args, env, grace }: ChildCommand): Promise<number> {
  let child: ChildProcess | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const hasTerminal = isatty(0);
  process.on('SIGINT', () => {
    if (!hasTerminal) child?.kill('SIGINT');
  });
  process.on('SIGQUIT', () => {});
  process.on('SIGTSTP', () => void stopWith(child?.pid));
  process.on('SIGHUP', () => child?.kill('SIGHUP'));
  process.on('SIGTERM', () => {
    child?.kill('SIGTERM');
    killTimer ??= setTimeout(() => child?.kill('SIGKILL'), grace);
  });
  return new Promise(resolve => {
    const end = (code: number) => {
      clearTimeout(killTimer);
      resolve(code);
    };
    const fail = ({ code }: NodeJS.ErrnoException) => {
      end(cannotStart[code === 'ENOENT' ? 'not found' : 'not executable']);
    };
    try {
      child = spawn(command, args, { env, stdio: 'inherit' });
    } catch (error) {
      fail(error as NodeJS.ErrnoException);
      return;
    }
    const started = child;
    started.once('error', error => {
      if (started.pid === undefined) fail(error);
    });
    started.once('exit', (code, signal) => {
      end(code ?? 128 + constants.signals[signal as NodeJS.Signals]);
    });
  });
}

/**
 * Stops this process if Ctrl-Z has stopped the child: the shell that has started this process waits for it alone, and would not give the
 * terminal back. A SIGCONT of the shell is for both. A child that does not stop, such as a shell, leaves this process running.
 */
async function stopWith(pid: number | undefined): Promise<void> {
  for (let look = 0; look < stopLooks && pid !== undefined; look++) {
    if (isStopped(pid)) {
      process.kill(process.pid, 'SIGSTOP');
      return;
    }
    await delay(stopInterval);
  }
}

/** Whether a signal has stopped a process (proc(5)); false without /proc. */
function isStopped(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.startsWith('T', text.lastIndexOf(')') + 2);
  } catch {
    return false;
  }
}
