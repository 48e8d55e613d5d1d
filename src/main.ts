import cluster, { type Worker } from 'node:cluster';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { availableParallelism, homedir } from 'node:os';
import closeWithGrace from 'close-with-grace';
import { type Application, createApplication } from './app/application.js';
import { explorerUrl, listen, listenForAdmin } from './app/listen.js';
import { createLogger, flushed, flushSync, type Logger } from './observability/log/logger.js';
import { isOpenToOthers } from './options/exposure.js';
import { formatHelp } from './options/help.js';
import { parseOptions } from './options/parse.js';
import type { Options } from './options/table.js';
import type { ToWorker } from './workers/messages.js';
import type { createPrimary as CreatePrimary } from './workers/primary.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

void (cluster.isWorker ? serve() : main());

async function main(): Promise<void> {
  const { options, problems, ignored } = parseOptions({ argv: process.argv.slice(2), env: process.env });
  if (options.help) {
    process.stdout.write(formatHelp());
    return;
  }
  if (options.version) {
    process.stdout.write(`kube-api-proxy ${version}\n`);
    return;
  }

  const size = options.workers === 0 ? availableParallelism() : options.workers;
  const logging = { level: options.logLevel, format: logFormat(options) };
  const logger = createLogger({ ...logging, ...(size > 1 ? { shared: {} } : {}) });
  process.on('exit', () => flushSync(logger));
  let application: Application | undefined;
  leaveOnSignal(options, logger, () => application);
  const info = { ...processInfo(), logger };
  const created =
    size === 1
      ? await createApplication(options, info)
      : await createShared(options, info, { size, logging, fork: forking() });
  if ('problems' in created) return fail([...problems, ...created.problems]);
  const giveUp = async (reasons: readonly string[]): Promise<void> => {
    fail(reasons);
    await created.abandon();
  };
  if (problems.length > 0) return giveUp(problems);
  if (ignored.length > 0)
    logger.warn({ flags: ignored }, 'kubectl flags that have no effect here are ignored');
  if (options.disableFilter && options.unixSocket === '') {
    logger.warn('the filter is off: any web page that a user opens can use this port');
  }
  surviveErrors(logger, created.program.metrics.workers.uncaught);
  process.on('SIGUSR2', () => {
    logger.level = nextLevel(logger.level, options.logLevel);
    logger.warn({ to: logger.level }, 'log level changed by signal');
    created.setLevel(logger.level);
  });
  if (followsHangup(options)) process.on('SIGHUP', () => created.program.auditLog?.reopen());

  const listening = await listen(created.listener, options, withUmask);
  if ('problem' in listening) return giveUp([listening.problem]);
  const admin = await listenForAdmin(created.program.admin, options);
  if (admin !== undefined && 'problem' in admin) return giveUp([admin.problem]);
  if (admin !== undefined) logger.info({ address: admin.address }, 'admin listener');
  if (isOpenToOthers(options)) {
    logger.warn(
      { address: options.address },
      "no authentication: everyone who reaches this address is the kubeconfig's user",
    );
  }
  const late = await created.start();
  if (late.length > 0) return giveUp(late);
  application = created;
  announce(`Starting to serve on ${listening.address}`, options, logger);
  const page = explorerUrl(listening.address, options);
  if (page !== undefined && process.stderr.isTTY) logger.info({ url: page }, 'the API in the browser');
}

/**
 * Prints the only line that kubectl proxy prints. If stdout is the audit log, the line goes to the program's log, so that stdout contains
 * only JSON.
 */
function announce(line: string, { auditLogPath }: Options, logger: Logger): void {
  if (auditLogPath === '-') logger.info(line);
  else process.stdout.write(`${line}\n`);
}

/** Runs a worker. The primary reads the command line, and sends the worker everything that it needs. */
async function serve(): Promise<void> {
  // A signal to the whole process group (Ctrl-C, systemd) is for the primary, which makes its workers drain.
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR2'] as const)
    process.on(signal, () => {});
  const { runWorker } = await import('./workers/worker.js');
  runWorker(
    {
      send: message => process.send?.(message, undefined, undefined, () => {}),
      onMessage: listener =>
        process.on('message', (message, socket) => listener(message as ToWorker, socket as Socket)),
      surviveErrors(logger, count) {
        process.on('exit', () => flushSync(logger));
        surviveErrors(logger, count);
      },
      exit: code => process.exit(code),
      fail: error => {
        process.stderr.write(`${error.stack}\n`);
        process.exit(1);
      },
    },
    processInfo(),
  );
}

/** Loads the code of the primary only if there are workers. */
async function createShared(...args: Parameters<typeof CreatePrimary>): ReturnType<typeof CreatePrimary> {
  const { createPrimary } = await import('./workers/primary.js');
  return createPrimary(...args);
}

/**
 * Returns the function that makes workers. The primary's command line and environment may contain secrets. Workers get neither, only
 * messages with what they need.
 */
function forking(): () => Worker {
  const flag = '--disable-sigusr1';
  const execArgv = process.allowedNodeEnvironmentFlags.has(flag)
    ? [...process.execArgv, flag]
    : process.execArgv;
  cluster.setupPrimary({ args: [], serialization: 'advanced', execArgv });
  const own = Object.keys(process.env).filter(name => name.startsWith('KUBE_API_PROXY_'));
  const without = Object.fromEntries(own.map(name => [name, undefined]));
  return () => cluster.fork(without);
}

function processInfo() {
  return { env: process.env, homedir: homeOrNone(), version, nodeVersion: process.versions.node };
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

/** Whether SIGHUP means that the audit log was renamed. Otherwise it means that the terminal is gone. */
function followsHangup({ auditLogPath }: Options): boolean {
  return auditLogPath !== '' && auditLogPath !== '-';
}

function logFormat({ logFormat: format }: Options): 'json' | 'pretty' {
  if (format === 'auto') return process.stderr.isTTY ? 'pretty' : 'json';
  return format;
}

/** Prints problems at the start, one per line, and sets the exit code to 1. */
function fail(problems: readonly string[]): void {
  for (const problem of problems) process.stderr.write(`kube-api-proxy: ${problem}\n`);
  process.exitCode = 1;
}

async function withUmask(mask: number, run: () => Promise<unknown>): Promise<void> {
  const before = process.umask(mask);
  try {
    await run();
  } finally {
    process.umask(before);
  }
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
function leaveOnSignal(options: Options, logger: Logger, running: () => Application | undefined): void {
  const { shutdownDelay, shutdownGrace } = options;
  const others = followsHangup(options) ? (['SIGHUP', 'SIGUSR2'] as const) : (['SIGUSR2'] as const);
  closeWithGrace(
    {
      delay: shutdownDelay + shutdownGrace + 1000,
      logger: false,
      skip: ['uncaughtException', 'unhandledRejection', 'beforeExit', ...others],
    },
    async ({ signal }) => {
      const application = running();
      if (application === undefined) return;
      logger.info({ signal }, 'shutting down');
      await application.drain({ delay: shutdownDelay, grace: shutdownGrace });
      await flushed(logger);
    },
  );
}
