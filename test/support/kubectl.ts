import { spawn, spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';

/** The exit code and the output of a kubectl process; `code` is -1 if it was killed. */
export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of a kubectl process. */
export interface KubectlOptions {
  /** Variables besides a minimal set, such as KUBECONFIG. */
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; without it, the input is closed at once. */
  readonly input?: string | Buffer;
  /** Milliseconds until it is killed (30 s). */
  readonly timeout?: number;
  readonly cwd?: string;
}

// kubectl keeps its discovery cache under HOME. A test must neither read nor fill the developer's cache.
function environment(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env };
}

/** Runs kubectl to its end. No exit code makes it reject. */
export function kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
  const child = spawn('kubectl', args, {
    env: environment(options.env),
    timeout: options.timeout ?? 30_000,
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
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
  return spawn('kubectl', args, { env: environment(env), stdio: ['pipe', 'pipe', 'pipe'] });
}

const available = spawnSync('kubectl', ['version', '--client'], { env: environment() }).status === 0;
const required = process.env['REQUIRE_KUBECTL'] === '1';

/** A test that needs kubectl. Without kubectl it is skipped with a message, or fails if REQUIRE_KUBECTL=1. */
export function kubectlTest(name: string, run: (t: TestContext) => void | Promise<void>): void {
  if (!available && required) {
    test(name, () => {
      throw new Error('kubectl is not in PATH, and REQUIRE_KUBECTL=1 does not let this test be skipped');
    });
    return;
  }
  test(name, { skip: available ? false : 'kubectl is not in PATH' }, run);
}
