import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { parse } from 'yaml';
import { collectText } from '../collected-text.js';
import { eventuallyPasses } from '../eventually.js';
import { program } from '../project.js';
import type { Scope } from '../scope.js';
import { temporaryFolder } from '../temporary-folder.js';
import { environmentOf } from './program-input.js';
import type { ProxyExit } from './proxy.js';

/** A `run` of the built program. */
export interface GuardedRun {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The end of the program. */
  readonly exited: Promise<ProxyExit>;
}

/** Starts `run` with these arguments, in a runtime folder of its own. What still runs then ends with the scope, and so does its command. */
export function startRun(
  scope: Scope,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): GuardedRun {
  const child = spawn(process.execPath, [program, 'run', ...args], {
    env: environmentOf({ XDG_RUNTIME_DIR: temporaryFolder(), ...env }),
    stdio: 'pipe',
  });
  child.stdin.on('error', () => {});
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  scope.after(() => child.kill('SIGTERM') && exited);
  return { child, stdout: collectText(child.stdout), stderr: collectText(child.stderr), exited };
}

/** Runs it to its end. */
export async function runToEnd(
  scope: Scope,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProxyExit & { readonly stdout: string; readonly stderr: string }> {
  const { child, exited, stdout, stderr } = startRun(scope, args, env);
  child.stdin.end();
  return { ...(await exited), stdout: stdout(), stderr: stderr() };
}

/** A run that is inside of its command. */
export interface Inside extends GuardedRun {
  /** Path of the kubeconfig, and what it has. */
  readonly path: string;
  readonly kubeconfig: {
    readonly 'current-context': string;
    readonly clusters: readonly { readonly name: string; readonly cluster: { readonly server: string } }[];
    readonly contexts: readonly object[];
  };
  readonly port: number;
  /** The path that the listener is behind, with a slash before it. */
  readonly base: string;
  /** The number of the command's process. */
  readonly pid: number;
}

/** Prints its number and its kubeconfig. */
const telling = 'echo "$$ $KUBECONFIG"; cat "$KUBECONFIG"; echo ---;';

/** Starts a run whose command says what it has got, and then goes on with a shell script, by default until its input ends. */
export async function startInside(
  scope: Scope,
  flags: readonly string[],
  {
    script = 'cat',
    env = {},
  }: { readonly script?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Inside> {
  const run = startRun(scope, [...flags, '--', 'sh', '-c', `${telling} ${script}`], env);
  const look = () => {
    const told = /^(\d+) (.*)\n([\s\S]*?)---\n/.exec(run.stdout());
    if (told === null) throw new Error(`the command has not said what it has: ${run.stderr()}`);
    return told;
  };
  // A command that ends at once has said all when it has ended.
  const [, pid = '', path = '', text = ''] = await Promise.race([
    eventuallyPasses(look),
    run.exited.then(look),
  ]);
  const kubeconfig = parse(text, { version: '1.1' });
  const current = kubeconfig.clusters.find(
    ({ name }: { readonly name: string }) => name === kubeconfig['current-context'],
  );
  const { port, pathname } = new URL(current.cluster.server);
  const base = /^\/[^/]+/.exec(pathname)?.[0] ?? '';
  return { ...run, path, kubeconfig, port: Number(port), base, pid: Number(pid) };
}
