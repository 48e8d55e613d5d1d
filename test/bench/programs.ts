import { once } from 'node:events';
import { join } from 'node:path';
import { collectText } from '../support/collected-text.js';
import { endChild, type Run, startChild } from './run.js';
import type { Upstream } from './upstream.js';
import type { ProgramName } from './workloads.js';

/** A program that forwards to an upstream, ready for requests. */
export type Program = Awaited<ReturnType<typeof startProgram>>;

/** Starts a program that forwards to an upstream, and waits until it prints its address. Its settings have their defaults. */
export async function startProgram(run: Run, name: ProgramName, { kubeconfig, collector }: Upstream) {
  const { settings, tools, directory } = run;
  const flags = ['--port=0', `--kubeconfig=${kubeconfig}`];
  const [kind, rate] = name.split('-');
  if (kind === 'traced' && collector === undefined) throw new Error(`${name} has no collector here`);
  const more = {
    shared: ['--share-watches'],
    traced: [`--tracing-endpoint=${collector}`, `--tracing-sampling-rate-per-million=${rate}`],
  };
  const named = kind === 'shared' || kind === 'traced' ? more[kind] : [];
  const own = [settings.node, '--v8-pool-size=1', settings.main, ...flags, ...named, ...settings.args];
  const isKubectl = name === 'kubectl';
  const command = isKubectl ? [tools.kubectl, 'proxy', ...flags] : own;
  // The log has one line per request, and goes to /dev/null.
  const stdio = ['ignore', 'pipe', isKubectl ? 'pipe' : 'ignore'] as const;
  const child = await startChild(run, 'program', command, [...stdio], environmentIn(directory));
  const [stdout, stderr] = [collectText(child.stdout), collectText(child.stderr)];
  const address = await new Promise<string>((resolve, reject) => {
    const fail = () => reject(new Error(`${command.join(' ')} did not start: ${stdout()}${stderr()}`));
    child.stdout?.on('data', () => {
      const found = /^Starting to serve on (\S+)\n/m.exec(stdout())?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('close', fail);
    setTimeout(fail, 15_000).unref();
  });
  return {
    name,
    /** Where the load goes. */
    url: `http://${address}`,
    pid: child.pid as number,
    stop: () => endChild(child),
  };
}

/** Runs a command that ends at once with a guarded way to the upstream. Returns the milliseconds from the start of the process to its end. */
export async function runTrue(run: Run, { kubeconfig }: Upstream): Promise<number> {
  const { settings, directory } = run;
  const own = [settings.node, '--v8-pool-size=1', settings.main];
  const command = [...own, 'run', `--kubeconfig=${kubeconfig}`, '--quiet', '--', 'true'];
  const began = performance.now();
  const child = await startChild(run, 'program', command, 'ignore', environmentIn(directory));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
  return performance.now() - began;
}

/** As in the image. Node.js 20 does not know it. */
function environmentIn(directory: string): Readonly<Record<string, string>> {
  return { NODE_COMPILE_CACHE: join(directory, 'compile-cache') };
}
