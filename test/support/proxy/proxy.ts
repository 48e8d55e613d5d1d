import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { collectText } from '../collected-text.js';
import { patience } from '../eventually.js';
import type { FakeApiServer } from '../fake-api-server/fake-api-server.js';
import { logLines } from '../json-lines.js';
import { program } from '../project.js';
import type { Scope } from '../scope.js';
import type { RunningProgram } from './in-process.js';
import { type KubeconfigFile, writeKubeconfig } from './kubeconfig-file.js';
import { environmentOf, withListener } from './program-input.js';

const built = [process.execPath, program];

/** The end of the built program. */
export interface ProxyExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The built program as a child process, listening on a free port of 127.0.0.1 unless its arguments say otherwise. */
export interface ProxyProcess extends RunningProgram {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly stdout: () => string;
  /** Sends a signal, SIGTERM by default, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<ProxyExit>;
  readonly exited: Promise<ProxyExit>;
}

/** Runs the built program to its end, and returns what it prints if it does not start. */
export async function runProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProxyExit & { readonly stdout: string; readonly stderr: string }> {
  const { child, output } = spawnProgram(built, args, env);
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  const exit = await exitOf(child);
  clearTimeout(timer);
  return { ...exit, stdout: output.stdout(), stderr: output.stderr() };
}

/**
 * Starts the built program and waits until it serves. If it ends instead, rejects with what it printed. `under` is a command that executes
 * it, such as `ip netns exec NAME`.
 */
export function startProxy(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  under: readonly string[] = [],
): Promise<ProxyProcess> {
  return startProgram([...under, ...built], args, env);
}

/** The same until the scope ends. */
export async function startProxyFor(
  scope: Scope,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<ProxyProcess> {
  const proxy = await startProxy(args, env);
  scope.after(() => proxy.stop('SIGKILL'));
  return proxy;
}

/** Starts the program from another folder than dist/, by this command. */
export async function startProgram(
  command: readonly string[],
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProxyProcess> {
  const { child, output } = spawnProgram(command, withListener(args), env);
  const exited = exitOf(child);
  const address = await new Promise<string>((resolve, reject) => {
    const look = () => {
      const line =
        /^Starting to serve on (.*)\n/.exec(output.stdout()) ??
        /"msg":"Starting to serve on (.*)"\}\n/.exec(output.stderr());
      if (line === null) return;
      child.stderr?.off('data', look);
      resolve(line[1] as string);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    void exited.then(({ code }) =>
      reject(new Error(`the program ended with ${code}: ${output.stdout()}${output.stderr()}`)),
    );
  });
  return {
    process: child,
    pid: child.pid as number,
    address,
    url: `http://${address}`,
    port: Number(/:(\d+)$/.exec(address)?.[1] ?? 0),
    ...output,
    log: () => logLines(output.stderr()),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
    exited,
  };
}

/** What a kubeconfig of an API server's admin needs. */
export type ServerWithAdmin = Pick<FakeApiServer, 'url' | 'authority' | 'clientCertificate'>;

/** The kubeconfig of an API server's admin, in a temporary folder of its own. */
export function writeAdminKubeconfig(
  server: ServerWithAdmin,
  cluster: Readonly<Record<string, unknown>> = {},
): Promise<KubeconfigFile> {
  const { certificate, key } = server.clientCertificate;
  return writeKubeconfig({ server: server.url, ca: server.authority.certificate, certificate, key, cluster });
}

function spawnProgram(
  [file = '', ...before]: readonly string[],
  args: readonly string[],
  env: Readonly<Record<string, string>>,
) {
  const child = spawn(file, [...before, ...args], {
    env: environmentOf(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: collectText(child.stdout), stderr: collectText(child.stderr) };
  return { child, output };
}

async function exitOf(child: ChildProcess): Promise<ProxyExit> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal };
}
