import { type ChildProcess, spawn } from 'node:child_process';
import { kill } from 'node:process';
import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { CredentialError } from './credential.js';

/** A program to run without a terminal. */
interface ExecCommand {
  readonly file: string;
  /** The program's own name (argv[0]). */
  readonly name: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const maxStdout = 1024 * 1024;
const maxStderr = 8 * 1024;
/** Milliseconds that a program may take to exit after SIGTERM. */
const termGrace = 2_000;
/** Milliseconds that its pipes may stay open after its exit. */
const pipeGrace = 1_000;

/**
 * Runs a program in its own session, with stdin closed, and returns its stdout if it exits with 0. At the end of `withDeadline`, or if
 * stdout exceeds 1 MiB, the program and its children are stopped. Rejects with a CredentialError that contains no part of the arguments,
 * environment or output.
 */
export function runExecCommand(
  command: ExecCommand,
  end: AbortSignal,
  onStderr: (line: string) => void,
): Promise<Buffer> {
  const { name } = command;
  return new Promise((resolve, reject) => {
    if (end.aborted) throw execError(name, 'was stopped');
    const child = start(command);
    const chunks: Buffer[] = [];
    let size = 0;
    let stopped: string | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    let pipeTimer: NodeJS.Timeout | undefined;

    const stop = (reason: string): void => {
      if (stopped !== undefined) return;
      stopped = reason;
      killGroup(child, 'SIGTERM');
      killTimer = setTimeout(() => killGroup(child, 'SIGKILL'), termGrace).unref();
    };
    const onEnd = (): void => stop(isLate(end) ? `did not finish ${end.reason.message}` : 'was stopped');
    end.addEventListener('abort', onEnd);

    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxStdout) stop('wrote more than 1 MiB to its stdout');
      else chunks.push(chunk);
    });
    if (child.stderr) readStderr(child.stderr, onStderr, maxStderr);

    const finish = (failure: string | undefined): void => {
      clearTimeout(killTimer);
      clearTimeout(pipeTimer);
      end.removeEventListener('abort', onEnd);
      if (failure === undefined) resolve(Buffer.concat(chunks));
      else reject(execError(name, failure));
    };
    child.on('error', error => {
      if (child.pid === undefined) finish(describeSpawnError(error));
    });
    child.on('exit', () => {
      // If the program was stopped, its children are killed too. After success a helper of the plugin may go on.
      if (stopped !== undefined) killGroup(child, 'SIGKILL');
      end.removeEventListener('abort', onEnd);
      pipeTimer = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, pipeGrace).unref();
    });
    child.on('close', (code, signal) => finish(stopped ?? describeExit(code, signal)));
  });
}

/** Without a file descriptor for its pipes, the child has none, and emits an error. */
function start({ file, name, args, env }: ExecCommand): ChildProcess {
  try {
    // A process group can be stopped as a whole. A new session has no terminal where a plugin could ask questions.
    return spawn(file, args, { argv0: name, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    throw execError(name, describeSpawnError(error));
  }
}

/** The error of a plugin that gives no credential. `what` continues a sentence that begins with the plugin's name. */
export function execError(name: string, what: string): CredentialError {
  return new CredentialError(`exec: executable ${name} ${what}`);
}

/** Whether `withDeadline` has ended because its time is over. */
export function isLate({ reason }: AbortSignal): boolean {
  return reason.name === 'TimeoutError';
}

/** The error itself must not be logged: it contains the arguments. */
function describeSpawnError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT') return 'cannot be run: the interpreter that its first line names is missing';
  if (code === 'E2BIG') return 'cannot be run: its arguments and environment are too long (E2BIG)';
  return `cannot be run (${code})`;
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal !== null) return `was ended by ${signal}`;
  return code === 0 ? undefined : `failed with exit code ${code}`;
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    kill(-pid, signal);
  } catch {
    // All processes of the group have exited.
  }
}

/**
 * Reports the lines of a plugin's stderr as they arrive, up to `limit` characters. After that, one last line says that there was more, and
 * the rest is read and dropped. Terminal sequences are removed, and so is everything that looks like a credential: shells and HTTP clients
 * print credentials when they trace.
 */
function readStderr(stream: Readable, onLine: (line: string) => void, limit: number): void {
  let rest = '';
  let left = limit;
  const give = (line: string): void => {
    const clean = withoutSecrets(stripVTControlCharacters(line).replace(/\p{Cc}/gu, ' ')).trim();
    if (clean !== '') onLine(clean);
  };
  stream.setEncoding('utf8').on('data', (text: string) => {
    if (left <= 0) return;
    const lines = (rest + text.slice(0, left)).split(/\r\n|\n|\r/);
    left -= text.length;
    rest = lines.pop() ?? '';
    for (const line of lines) give(line);
    // A line that is cut in the middle is not reported: half a secret may not look like one.
    if (left <= 0) onLine('(the plugin wrote more, which is not logged)');
  });
  stream.on('end', () => {
    if (left > 0) give(rest);
  });
}

/** A JSON Web Token, and the prefixes of the tokens of EKS and Google. */
const token = /\beyJ[\w-]+\.[\w.-]+|\bk8s-aws-v1\.[\w-]+|\bya29\.[\w.-]+/g;
/** A part of an ExecCredential, a line of PEM, or an Authorization header. */
const credential =
  /"(?:token|clientKeyData|clientCertificateData|\w+_token)\\?"\s*:|PRIVATE KEY-----|^[+\s']*(?:[A-Za-z0-9+/]{40,}={0,2}|[A-Za-z0-9+/]+={1,2})'?$|\bauthorization:/i;

function withoutSecrets(line: string): string {
  return credential.test(line) ? '(a line that may contain a credential)' : line.replace(token, '***');
}
