import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { collectText } from '../collected-text.js';
import { eventuallyPasses } from '../eventually.js';
import { isInstalled } from '../installed.js';
import { environmentOf } from '../proxy/program-input.js';
import type { Scope } from '../scope.js';

/**
 * Gives a command a terminal of its own, and copies: what is typed from standard input, what is printed to standard output. A line that
 * begins with a zero byte has the number of rows and of columns that the terminal gets. Exits with the command's code.
 */
const script = `
import fcntl, os, pty, select, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
inputs = [fd, 0]
while True:
    ready = select.select(inputs, [], [])[0]
    if fd in ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b''
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        data = os.read(0, 65536)
        if not data:
            inputs.remove(0)
        elif data[0] == 0:
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', *map(int, data[1:].split()), 0, 0))
        else:
            os.write(fd, data)
status = os.waitpid(pid, 0)[1]
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
`;

/** A command in a terminal. */
export interface Terminal {
  /** All that it has printed. */
  readonly printed: () => string;
  /** Waits until what was printed from this call on matches. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
  type(keys: string): void;
  resize(rows: number, columns: number): void;
  /** Takes the terminal away, as a window that is closed. */
  close(): void;
  /** The exit code, also after a signal. */
  readonly exited: Promise<number>;
}

/** Starts a command in a terminal of its own. What still runs then gets a hangup with the scope. */
export function startTerminal(
  scope: Scope,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Terminal {
  const variables = environmentOf({ TERM: 'xterm', ...env });
  const child: ChildProcess = spawn('python3', ['-c', script, ...command], {
    ...{ env: variables, stdio: ['pipe', 'pipe', 'inherit'] },
  });
  const exited = once(child, 'close').then(([code]) => Number(code));
  scope.after(() => child.kill('SIGKILL') && exited);
  child.stdin?.on('error', () => {});
  const printed = collectText(child.stdout);
  let seen = 0;
  return {
    printed,
    shows: pattern =>
      eventuallyPasses(() => {
        const match = pattern.exec(printed().slice(seen));
        if (match === null) throw new Error(`no ${pattern} in ${JSON.stringify(printed().slice(seen))}`);
        seen += match.index + match[0].length;
        return match;
      }),
    type: keys => void child.stdin?.write(keys),
    resize: (rows, columns) => void child.stdin?.write(`\0${rows} ${columns}`),
    close: () => void child.kill('SIGKILL'),
    exited,
  };
}

/** A test that needs a terminal; skipped where there is no Python to make one. */
export function terminalTest(name: string, body: (t: TestContext) => Promise<void>): void {
  test(name, { skip: !isInstalled('python3') && 'python3 is not in PATH' }, body);
}
