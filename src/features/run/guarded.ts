import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { findExecutable } from '../../credentials/exec-plugin.js';
import type { CommandProgram, Problems } from '../../feature.js';
import { printable } from '../common/kubeconfig-yaml.js';
import { cannotStart, runChild } from './child.js';
import { type CommandContexts, commandKubeconfig, contextsOf } from './kubeconfig.js';
import type { RunOptions } from './options.js';
import { createRunFolder, findParent, removeLeftFolders } from './run-folder.js';
import { ruleLines, startLine, verdictsOf } from './words.js';

/** Variables by their names. */
type Environment = Readonly<Record<string, string | undefined>>;

/** Where the command finds its kubeconfig, and where it may keep what it has discovered. */
interface CommandFiles {
  readonly kubeconfig: string;
  /** kubectl names folders of its cache after the server's URL, which has the secret. */
  readonly cache: string;
}

/**
 * Variables that lead clients past the kubeconfig, or would give the flags of this proxy to another one in the command. Libraries take the
 * token of a Pod's service account if the variables of the Service kubernetes are set.
 */
const removed = /^(?:KUBE_API_PROXY_.*|KUBERNETES_SERVICE_(?:HOST|PORT)|HELM_KUBE.*)$/;

const loopback = '127.0.0.1';

/** The environment of the command. Its requests to the proxy go through no proxy server of the network. */
export function commandEnvironment(env: Environment, { kubeconfig, cache }: CommandFiles): Environment {
  const kept = Object.entries(env).filter(([name]) => !removed.test(name));
  // Some programs read the one, and some the other first.
  const { NO_PROXY, no_proxy } = env;
  return {
    ...Object.fromEntries(kept),
    NO_PROXY: withLoopback(NO_PROXY ?? no_proxy),
    no_proxy: withLoopback(no_proxy ?? NO_PROXY),
    KUBECONFIG: kubeconfig,
    KUBECACHEDIR: cache,
  };
}

/** curl understands `*` only if it stands alone. */
function withLoopback(hosts = ''): string {
  if (hosts.trim() === '*' || hosts.split(',').some(host => host.trim() === loopback)) return hosts;
  return hosts.trim() === '' ? loopback : `${hosts},${loopback}`;
}

/** What is run, and how. */
interface GuardedCommand {
  readonly values: RunOptions;
  readonly basePath: string;
  /** The environment of this process. */
  readonly env: NodeJS.ProcessEnv;
  readonly command: string;
  readonly args: readonly string[];
  /** What `findDeathSignal` has found. */
  readonly deathSignal: Promise<readonly string[]>;
}

/** Milliseconds that closing may take beyond the grace of a shutdown. */
const closeReserve = 1000;

/** Prints the kubeconfig, with what the rules allow as comments. Resolves to the exit code. */
export async function dryRun(
  program: CommandProgram,
  { allContexts }: RunOptions,
): Promise<number | Problems> {
  const contexts = contextsOf(program, allContexts);
  if ('problems' in contexts) return contexts;
  const lines = [
    `The rules of the proxy; the API server decides after them. In the namespace ${namespaceOf(contexts)}:`,
    ...ruleLines(verdictsOf(program, namespaceOf(contexts))),
  ];
  const comments = printable(lines.map(line => `# ${line.replaceAll('\n', ' ')}\n`).join(''));
  const text = comments + commandKubeconfig(contexts, 'http://127.0.0.1:PORT/SECRET');
  await new Promise(resolve => process.stdout.write(text, resolve));
  await program.close();
  return 0;
}

/**
 * Runs a command whose kubeconfig leads to the program alone, and then ends the program. Resolves to the exit code. From its start on the
 * terminal is the command's: this process prints nothing, and reads nothing.
 */
export async function runGuarded(
  program: CommandProgram,
  { values, basePath, env, command, args, deathSignal }: GuardedCommand,
): Promise<number | Problems> {
  const contexts = contextsOf(program, values.allContexts);
  if ('problems' in contexts) return contexts;
  const parent = findParent(env);
  if (typeof parent === 'object') return parent;
  if (program.usesStdout !== undefined) {
    return { problems: [`${program.usesStdout}: standard output is that of the command`] };
  }
  const found = await findExecutable(command, env['PATH']);
  if ('problem' in found) {
    say(`${command}: ${found.problem}`);
    await program.close();
    return cannotStart[found.problem];
  }
  const [listening, wrapper] = await Promise.all([program.listen(), deathSignal]);
  if ('problems' in listening) return listening;
  if (!values.quiet) {
    const way = `context ${JSON.stringify(contexts.current.name)}`;
    say(startLine(way, verdictsOf(program, namespaceOf(contexts))));
  }
  // From here to the start of the command nothing waits, so that no signal leaves the folder behind.
  const url = `http://${listening.address}${basePath}`;
  const folder = createRunFolder(parent, commandKubeconfig(contexts, url));
  if ('problems' in folder) return folder;
  const [executable = '', ...all] = [...wrapper, command, ...args];
  const ended = runChild({
    ...{ command: executable, args: all, grace: values.shutdownGrace },
    env: commandEnvironment(env, folder),
  });
  const cleaned = removeLeftFolders(parent);
  const code = await ended;
  folder.remove();
  await cleaned;
  await Promise.race([program.close(), delay(values.shutdownGrace + closeReserve)]);
  return code;
}

function namespaceOf({ current }: CommandContexts): string {
  return current.namespace || 'default';
}

/** Writes to standard error without Node's stream, which would make a pipe non-blocking for the command too. */
function say(line: string): void {
  try {
    writeSync(2, `kube-api-proxy: ${line}\n`);
  } catch {
    // Nobody reads it.
  }
}
