import assert from 'node:assert/strict';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allProblems, createProgram, type Program } from '../../../src/app/compose.js';
import { drain } from '../../../src/app/drain.js';
import { listen, listenForAdmin } from '../../../src/app/listen.js';
import type { Clock } from '../../../src/lib/clock.js';
import { createLogger, flushed } from '../../../src/observability/log/logger.js';
import { parseOptions } from '../../../src/options/parse.js';
import { logLines } from '../json-lines.js';
import { packageJson } from '../project.js';
import type { Scope } from '../scope.js';
import { temporaryFolder } from '../temporary-folder.js';
import { environmentOf, withListener } from './program-input.js';

/** The interface that a program in the test's own process shares with the built one in its own process. */
export interface RunningProgram {
  /** The address that it printed after "Starting to serve on ", or logged if its standard output is the audit log. */
  readonly address: string;
  /** `http://` and the address. */
  readonly url: string;
  readonly port: number;
  readonly stderr: () => string;
  /** Its JSON log lines so far. */
  readonly log: () => Record<string, unknown>[];
  /** Sends a signal, SIGTERM by default, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<unknown>;
}

/** Time in milliseconds between two reads of the kubeconfig and its files; in the built program it is 4,000. */
export const pollInterval = 100;

/**
 * Starts the program in the test's own process, like main.ts: with the same command line, environment, sockets and files, but a tenth of
 * the CPU time of a process (0.2 s). For tests of flags, credentials and files; tests of signals, exit codes and standard output
 * need startProxy. It ends with the scope.
 */
export async function startInProcess(
  scope: Scope,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { clock, basePath = '' }: { readonly clock?: Clock; readonly basePath?: string } = {},
): Promise<RunningProgram> {
  const folder = temporaryFolder();
  const logFile = join(folder, 'log');
  // Stays open, because a line may come late.
  const fd = openSync(logFile, 'a', 0o600);
  let program: Program | undefined;
  let log: ReturnType<typeof createLogger> | undefined;
  const stop = async () => {
    if (program !== undefined) await drain(program, { delay: 0, grace: 0 });
    program = undefined;
    if (log !== undefined) await flushed(log);
  };
  scope.after(async () => {
    await stop();
  });
  const { options, problems } = parse(args, env);
  log = createLogger({ level: options.logLevel, format: 'json', fd });
  const created = await createProgram(options, {
    ...info(env, log),
    rereadInterval: pollInterval,
    ...(clock && { clock }),
    basePath,
  });
  if ('problems' in created) assert.fail([...problems, ...created.problems].join('\n'));
  program = created;
  assert.deepEqual(problems, []);
  const bound = await listen(program.app, options);
  assert.ok('address' in bound, JSON.stringify(bound));
  const admin = await listenForAdmin(program.admin, options);
  if (admin !== undefined && 'address' in admin) log.info({ address: admin.address }, 'admin listener');
  program.start();
  const { address } = bound;
  const stderr = () => readFileSync(logFile, 'utf8');
  return {
    address,
    url: `http://${address}`,
    port: Number(/:(\d+)$/.exec(address)?.[1] ?? 0),
    stderr,
    log: () => logLines(stderr()),
    stop,
  };
}

/** The lines that the program would print on standard error if it does not start. Throws if it would start. */
export async function startUpProblems(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const { options, problems, named } = parse(args, env);
  const logger = createLogger({ level: 'silent', format: 'json' });
  const created = await createProgram(options, info(env, logger));
  if (!('problems' in created)) await created.close();
  const all = allProblems(problems, 'problems' in created ? created.problems.map(named) : []);
  assert.ok(all.length > 0, `nothing is wrong with ${args.join(' ')}`);
  for (const problem of all) assert.match(problem, /^\S.*$/, 'it is one line');
  return all;
}

function parse(args: readonly string[], env: Readonly<Record<string, string>>) {
  return parseOptions({ argv: withListener(args), env: environmentOf(env) });
}

function info(env: Readonly<Record<string, string>>, logger: ReturnType<typeof createLogger>) {
  const own = environmentOf(env);
  return { env: own, homedir: own['HOME'] ?? '', version: packageJson.version, logger };
}
