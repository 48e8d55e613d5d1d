import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { promisify } from 'node:util';
import { findExecutable } from '../../credentials/exec-plugin.js';
import type { Feature, PreparedCommand, Problems } from '../../feature.js';
import { describeFileError } from '../../lib/read-file.js';
import { name, options, problems, type RunOptions, usage } from './options.js';

function prepare(
  values: RunOptions,
  args: readonly string[] | undefined,
  env: NodeJS.ProcessEnv,
): PreparedCommand<RunOptions> | Problems {
  const found: string[] = [];
  const [command, ...rest] = args ?? [];
  if (command === undefined && !values.dryRun) {
    found.push(`${name} needs -- and a command after it: kube-api-proxy ${usage}`);
  }
  const log = values.logFile === '' ? undefined : openLog(values.logFile);
  if (typeof log === 'object') found.push(...log.problems);
  if (found.length > 0 || typeof log === 'object') return { problems: found };
  const basePath = `/${randomBytes(16).toString('hex')}`;
  // It takes as long as a process, and the program takes longer.
  const deathSignal = values.dryRun ? undefined : findDeathSignal(env);
  return {
    options: { port: 0, appendServerPath: true },
    basePath,
    log,
    async run(program) {
      const { dryRun, runGuarded } = await import('./guarded.js');
      if (command === undefined || deathSignal === undefined) return dryRun(program, values);
      return runGuarded(program, { values, basePath, env, command, args: rest, deathSignal });
    },
  };
}

const execute = promisify(execFile);

/**
 * What starts a command so that it gets a SIGTERM if this process is killed: setpriv of util-linux 2.33 and later. Empty where it is missing,
 * or is one that cannot do that, such as busybox's. Never rejects.
 */
export async function findDeathSignal(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const found = await findExecutable('setpriv', env['PATH']);
  if ('problem' in found) return [];
  const args = ['--pdeathsig', 'TERM', '--'];
  try {
    await execute(found.file, [...args, 'true'], { env });
    return [found.file, ...args];
  } catch {
    return [];
  }
}

function openLog(file: string): number | Problems {
  try {
    return openSync(file, 'a', 0o600);
  } catch (error) {
    return { problems: [`--log-file: ${file}: ${describeFileError(error)}`] };
  }
}

/** A command with a guarded way to the cluster: a proxy behind a path that only the command's kubeconfig has, for as long as it runs. */
export const run = {
  name,
  options,
  problems,
  command: {
    ...{ name, usage, prepare },
    example:
      '# A shell that can only read, by a proxy of its own that ends with it\nkube-api-proxy run --read-only -- bash',
  },
} as const satisfies Feature<RunOptions>;
