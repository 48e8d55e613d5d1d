import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { isInstalled } from '../installed.js';
import { temporaryFolder } from '../temporary-folder.js';

/** The exit code and the output of a kubectl process; `code` is -1 if it was killed. */
export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Milliseconds that a kubectl may take, of which many may start at the same time on a busy machine. */
const patience = 120_000;

/** The environment of a kubectl process. */
export interface KubectlOptions {
  /** Variables besides a minimal set, such as KUBECONFIG. */
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; without it, the input is closed at once. */
  readonly input?: string | Buffer;
  /** Milliseconds until it is killed; only a test about a shorter time sets it. */
  readonly timeout?: number;
}

let cache: string | undefined;

// kubectl keeps its discovery cache under HOME, by the server's port. A test must neither read nor fill the developer's cache, nor find what
// another file's server said that had the same port before.
function environment(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  cache ??= temporaryFolder();
  const nowhere = 'HOME' in env ? {} : { HOME: '/nonexistent', KUBECACHEDIR: cache };
  return { PATH: process.env['PATH'] ?? '', ...nowhere, ...env };
}

/** Runs kubectl to its end. No exit code makes it reject. */
export function kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
  const child = spawn('kubectl', args, {
    env: environment(options.env),
    timeout: options.timeout ?? patience,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A process that ends early closes its end of the pipe while the input is still being written.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => {
      const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
      resolve({ code: code ?? -1, stdout: text(stdout), stderr: text(stderr) });
    });
  });
}

/** Starts kubectl for a test that talks to it while it runs; the caller kills it. */
export function startKubectl(args: readonly string[], env: Readonly<Record<string, string>>) {
  return talkingTo(spawn('kubectl', args, { env: environment(env), stdio: ['pipe', 'pipe', 'pipe'] }));
}

/** A process that may end while the test still writes to it. */
function talkingTo(child: ChildProcessWithoutNullStreams): ChildProcessWithoutNullStreams {
  child.stdin.on('error', () => {});
  return child;
}

/**
 * Starts a shell command in a terminal. Input is echoed by whoever reads it, not by this terminal. The command `script` gives a process
 * a terminal; it is part of util-linux, which nearly every system has.
 */
export function startInTerminal(command: string, env: Readonly<Record<string, string>>) {
  const variables = environment({ TERM: 'xterm', SHELL: '/bin/sh', ...env });
  const stdio = ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'];
  return talkingTo(spawn('script', ['-qec', command, '/dev/null'], { env: variables, stdio }));
}

/** Waits until what the process prints from now on matches, and returns the match. Rejects if the process ends before. */
export function seen(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    const look = (chunk: Buffer | string) => {
      text += chunk.toString();
      const match = pattern.exec(text);
      if (match !== null) done(() => resolve(match));
    };
    const onClose = () => done(() => reject(new Error(`kubectl ended before ${pattern}: ${text}`)));
    const timer = setTimeout(
      () => done(() => reject(new Error(`no ${pattern} within ${patience} ms: ${text}`))),
      patience,
    );
    const done = (settle: () => void) => {
      clearTimeout(timer);
      child.stdout?.off('data', look);
      child.stderr?.off('data', look);
      child.off('close', onClose);
      settle();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('close', onClose);
  });
}

/** Whether kubectl is in PATH. */
export const hasKubectl = isInstalled('kubectl');
const required = process.env['REQUIRE_KUBECTL'] === '1';

/** Whether a test is skipped, with a reason, such as `embedded`. */
interface Skipping {
  readonly skip: string | false;
}

type TestBody = (t: TestContext) => void | Promise<void>;

/** A test that needs kubectl. Without kubectl it is skipped with a message, or fails if REQUIRE_KUBECTL=1. */
export function kubectlTest(name: string, run: TestBody): void;
export function kubectlTest(name: string, options: Skipping, run: TestBody): void;
export function kubectlTest(name: string, options: Skipping | TestBody, body?: TestBody): void {
  const run = typeof options === 'function' ? options : (body as TestBody);
  const skip = typeof options === 'function' ? false : options.skip;
  if (!hasKubectl && required) {
    test(name, () => {
      throw new Error('kubectl is not in PATH, and REQUIRE_KUBECTL=1 does not let this test be skipped');
    });
    return;
  }
  test(name, { skip: hasKubectl ? skip : 'kubectl is not in PATH' }, run);
}

/** Whether `script` is in PATH. */
export const hasScript = isInstalled('script');
