import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { collectText } from '../support/collected-text.js';
import type { Bench } from './bench.js';
import { endChild, startChild } from './children.js';
import type { Upstream } from './upstream.js';
import type { ProgramName } from './workloads.js';

/** A program that forwards to an upstream, ready for requests. */
export interface Program {
  readonly name: ProgramName;
  /** Where the load goes. */
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a program that forwards to an upstream, and waits until it prints its address. */
export async function startProgram(
  bench: Bench,
  name: ProgramName,
  { kubeconfig }: Upstream,
): Promise<Program> {
  const { settings, tools, directory } = bench;
  const shared = name === 'shared-watches' ? ['--share-watches'] : [];
  const flags = ['--port=0', `--kubeconfig=${kubeconfig}`];
  const own = [
    ...[settings.node, '--v8-pool-size=1', settings.main, ...flags, ...shared, ...settings.args],
  ] as const;
  const isKubectl = name === 'kubectl';
  const command = isKubectl ? ([tools.kubectl, 'proxy', ...flags] as const) : own;
  const child = await startChild(bench, command, {
    as: 'program',
    // As in the image. Node.js 20 does not know it.
    env: { NODE_COMPILE_CACHE: join(directory, 'compile-cache') },
    // All settings have their defaults, even the log: one line per request, to /dev/null.
    stdio: ['ignore', 'pipe', isKubectl ? 'pipe' : 'ignore'],
  });
  const address = await announcement(child, command.join(' '));
  return { name, url: `http://${address}`, pid: child.pid as number, stop: () => endChild(child) };
}

async function announcement(child: ChildProcess, commandLine: string): Promise<string> {
  const stdout = collectText(child.stdout);
  const stderr = collectText(child.stderr);
  const deadline = AbortSignal.timeout(15_000);
  const closed = once(child, 'close').then(() => 'closed');
  while (!deadline.aborted) {
    const address = /^Starting to serve on (\S+)\n/m.exec(stdout())?.[1];
    if (address !== undefined) return address;
    const more = once(child.stdout as NodeJS.ReadableStream, 'data', { signal: deadline }).catch(() => '');
    if ((await Promise.race([closed, more])) === 'closed') break;
  }
  throw new Error(`${commandLine} did not start: ${stdout()}${stderr()}`);
}
