import { openSync, readFileSync } from 'node:fs';
import { devNull, homedir } from 'node:os';
import closeWithGrace from 'close-with-grace';
import { allProblems, createProgram, type Program } from './app/compose.js';
import { drain } from './app/drain.js';
import { commandOf, followsHangup } from './app/feature-set.js';
import { listen, listenForAdmin, urlForBrowser } from './app/listen.js';
import type { CommandProgram } from './feature.js';
import { createLogger, flushed, flushSync, type Logger } from './observability/log/logger.js';
import { isOpenToOthers } from './options/exposure.js';
import { formatHelp } from './options/help.js';
import { parseOptions } from './options/parse.js';
import type { Options } from './options/table.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

void main();

async function main(): Promise<void> {
  // What this process sets for itself is not for the programs that it starts.
  const env = { ...process.env };
  const {
    options: given,
    problems,
    ignored,
    command,
    named,
  } = parseOptions({ argv: process.argv.slice(2), env });
  if (given.help) {
    process.stdout.write(formatHelp());
    return;
  }
  if (given.version) {
    process.stdout.write(`kube-api-proxy ${version}\n`);
    return;
  }

  // libuv reads it when it starts its threads, which are 4 otherwise. A host name whose DNS server does not answer keeps one of them. With
  // 96 threads, 23 such names keep no other one waiting (transport/dial/name-lookup.ts).
  process.env['UV_THREADPOOL_SIZE'] ??= given.servesClusters ? '96' : '16';
  const prepared = command && commandOf(command.name)?.prepare(given, command.args, env);
  if (prepared !== undefined && 'problems' in prepared) {
    return fail([...problems, ...prepared.problems.map(named)]);
  }
  const options = { ...given, ...prepared?.options };
  const logger = createLogger(prepared === undefined ? logOf(options) : commandLogOf(options, prepared.log));
  process.on('exit', () => flushSync(logger));
  let running: Program | undefined;
  if (prepared === undefined) leaveOnSignal(options, logger, () => running);
  // Before anything that takes time: without listeners, these signals would end a program that is starting.
  process.on('SIGUSR2', () => {
    logger.level = nextLevel(logger.level, options.logLevel);
    logger.warn({ to: logger.level }, 'log level changed by signal');
  });
  let created: Program | undefined;
  if (prepared === undefined && followsHangup(options)) process.on('SIGHUP', () => created?.hangup());
  const program = await createProgram(options, {
    env,
    homedir: homeOrNone(),
    version,
    logger,
    ...(prepared && { basePath: prepared.basePath }),
  });
  if ('problems' in program) return fail(allProblems(problems, program.problems.map(named)));
  created = program;
  const giveUp = async (reasons: readonly string[]): Promise<void> => {
    fail(reasons);
    await program.close();
  };
  if (problems.length > 0) return giveUp(problems);
  if (ignored.length > 0)
    logger.warn({ flags: ignored }, 'kubectl flags that have no effect here are ignored');
  surviveErrors(logger, program.metrics.uncaught);
  if (prepared !== undefined) {
    const code = await prepared.run(commandProgramOf(program, options));
    if (typeof code !== 'number') return giveUp(code.problems.map(named));
    await flushed(logger);
    process.exit(code);
  }
  if (options.disableFilter && options.unixSocket === '') {
    logger.warn('the filter is off: any web page that a user opens can use this port');
  }

  const listening = await listen(program.app, options);
  if ('problem' in listening) return giveUp([named(listening.problem)]);
  const admin = await listenForAdmin(program.admin, options);
  if (admin !== undefined && 'problem' in admin) return giveUp([named(admin.problem)]);
  if (admin !== undefined) logger.info({ address: admin.address }, 'admin listener');
  if (isOpenToOthers(options)) {
    logger.warn(
      { address: options.address },
      "no authentication: everyone who reaches this address is the kubeconfig's user",
    );
  }
  running = program;
  announce(`Starting to serve on ${listening.address}`, program, logger);
  const url = urlForBrowser(listening.address, options);
  if (url !== undefined && process.stderr.isTTY) {
    for (const { path, title } of program.pages) logger.info({ url: url + path }, title);
  }
  program.start();
}

/** What a command is run with. */
function commandProgramOf(program: Program, options: Options): CommandProgram {
  return {
    ...program,
    async listen() {
      const listening = await listen(program.app, options);
      if ('problem' in listening) return { problems: [listening.problem] };
      program.start();
      return listening;
    },
    close: () => drain(program, { delay: 0, grace: options.shutdownGrace }),
  };
}

/**
 * Prints the only line that kubectl proxy prints. If stdout is a feature's, the line goes to the program's log.
 */
function announce(line: string, { usesStdout }: Program, logger: Logger): void {
  if (usesStdout) logger.info(line);
  else process.stdout.write(`${line}\n`);
}

/**
 * The home directory. Empty, as in client-go, if the system does not know the user and HOME is not set: the user of a restricted Pod may be
 * any number.
 */
function homeOrNone(): string {
  try {
    return homedir();
  } catch {
    return '';
  }
}

/** Keeps the process alive after an uncaught error: a bug in one request must not end the thousand others. */
function surviveErrors(logger: Logger, count: () => void): void {
  for (const [event, message] of [
    ['uncaughtException', 'uncaught exception'],
    ['unhandledRejection', 'unhandled rejection'],
  ] as const) {
    process.on(event, (err: unknown) => {
      count();
      logger.error({ err }, message);
    });
  }
}

/** The log of a program that serves: on standard error. */
function logOf({ logLevel: level, logFormat: format }: Options) {
  if (format !== 'auto') return { level, format };
  return { level, format: process.stderr.isTTY ? 'pretty' : 'json' } as const;
}

/** The log of a command. It leaves standard error to the command: to ask Node for it would make a pipe non-blocking. */
function commandLogOf({ logLevel, logFormat }: Options, fd: number | undefined) {
  const level = fd === undefined ? 'silent' : logLevel;
  const format = logFormat === 'pretty' ? 'pretty' : 'json';
  // A signal may raise the level.
  return { level, format, fd: fd ?? openSync(devNull, 'a') } as const;
}

/** Prints problems at the start, one per line, and sets the exit code to 1. */
function fail(problems: readonly string[]): void {
  for (const problem of problems) process.stderr.write(`kube-api-proxy: ${problem}\n`);
  process.exitCode = 1;
}

/** The log level after a SIGUSR2: one step closer to trace, or from trace back to the configured level. */
function nextLevel(level: string, configured: string): string {
  const levels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'];
  return levels[levels.indexOf(level) + 1] ?? configured;
}

/**
 * Installs the signal handlers. This must come before anything else: process 1 of a container ignores SIGTERM unless it has a handler. A
 * second signal ends the process immediately.
 */
function leaveOnSignal(options: Options, logger: Logger, running: () => Program | undefined): void {
  const { shutdownDelay, shutdownGrace } = options;
  const others = followsHangup(options) ? (['SIGHUP', 'SIGUSR2'] as const) : (['SIGUSR2'] as const);
  closeWithGrace(
    {
      delay: shutdownDelay + shutdownGrace + 1000,
      logger: false,
      skip: ['uncaughtException', 'unhandledRejection', 'beforeExit', ...others],
    },
    async ({ signal }) => {
      const program = running();
      if (program === undefined) return;
      logger.info({ signal }, 'shutting down');
      await drain(program, { delay: shutdownDelay, grace: shutdownGrace });
      await flushed(logger);
    },
  );
}
