#!/usr/bin/env -S node --max-semi-space-size=32
import { readFileSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { homedir } from 'node:os';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import { drain } from './drain.js';
import { createLogger, flushSync, type Logger } from './observability/logger.js';
import { formatHelp } from './options/help.js';
import { authenticationMethods, isBeyondLoopback } from './options/open-door.js';
import { parseOptions } from './options/parse.js';
import type { Options } from './options.js';
import { createProgram, type Program } from './start.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** What fits into a `sockaddr_un` with its final zero (unix(7)); a longer path would quietly be cut short. */
const longestSocketPath = 107;

await main();

async function main(): Promise<void> {
  const { options, problems } = parseOptions({ argv: process.argv.slice(2), env: process.env });
  if (options.help) {
    process.stdout.write(formatHelp());
    return;
  }
  if (options.version) {
    process.stdout.write(`kube-api-proxy ${version}\n`);
    return;
  }

  const logger = createLogger({ level: options.logLevel, format: logFormat(options) });
  process.on('exit', () => flushSync(logger));
  let serving: Program | undefined;
  leaveOnSignal(options, logger, () => serving);
  const program = await createProgram(options, {
    env: process.env,
    homedir: homedir(),
    version,
    nodeVersion: process.versions.node,
    logger,
  });
  if ('problems' in program) return fail([...problems, ...program.problems]);
  if (problems.length > 0) return fail(problems);
  if (options.disableFilter && options.unixSocket === '') {
    logger.warn('the filter is off: any web page that its reader opens can use this port');
  }

  // A bug in one request must not end the thousand others that share the process.
  process.on('uncaughtException', err => logger.error({ err }, 'uncaught exception'));
  process.on('unhandledRejection', err => logger.error({ err }, 'unhandled rejection'));

  const listening = await listen(program, options);
  if ('problem' in listening) return fail([listening.problem]);
  const admin = await listenForAdmin(program, options);
  if (admin !== undefined && 'problem' in admin) {
    await program.app.close();
    return fail([admin.problem]);
  }
  if (admin !== undefined) logger.info({ address: admin.address }, 'admin listener');
  if (isBeyondLoopback(options) && authenticationMethods(options).length === 0) {
    logger.warn(
      { address: options.address },
      "no authentication: everyone who reaches this address is the kubeconfig's user",
    );
  }
  process.on('SIGUSR2', () => {
    logger.level = nextLevel(logger.level, options.logLevel);
    logger.warn({ to: logger.level }, 'log level changed by signal');
  });
  serving = program;
  process.stdout.write(`Starting to serve on ${listening.address}\n`);
}

function logFormat({ logFormat: format }: Options): 'json' | 'pretty' {
  if (format === 'auto') return process.stderr.isTTY ? 'pretty' : 'json';
  return format;
}

/** Start-up problems: one line each, exit code 1. */
function fail(problems: readonly string[]): void {
  for (const problem of problems) process.stderr.write(`kube-api-proxy: ${problem}\n`);
  process.exitCode = 1;
}

type Listening = { readonly address: string } | { readonly problem: string };

async function listen({ app }: Program, options: Options): Promise<Listening> {
  const { unixSocket, address, port } = options;
  try {
    if (unixSocket === '') {
      await app.listen({ host: address, port });
      return { address: addressOf(app) };
    }
    if (Buffer.byteLength(unixSocket) > longestSocketPath) {
      return { problem: `--unix-socket: ${unixSocket} is longer than ${longestSocketPath} bytes` };
    }
    await removeStaleSocket(unixSocket);
    const mask = process.umask(0o177);
    try {
      await app.listen({ path: unixSocket });
    } finally {
      process.umask(mask);
    }
    return { address: unixSocket };
  } catch (error) {
    return { problem: listeningProblem(error as NodeJS.ErrnoException, options) };
  }
}

async function listenForAdmin(
  { admin }: Program,
  { adminAddress: host, adminPort: port = 0 }: Options,
): Promise<Listening | undefined> {
  if (admin === undefined) return undefined;
  try {
    await admin.listen({ host, port });
    return { address: addressOf(admin) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'EADDRINUSE' ? 'is in use already' : `cannot be listened on: ${message}`;
    return { problem: `--admin-port: ${host}:${port} ${reason}` };
  }
}

/** `host:port` of a listener, an IPv6 address in brackets. */
function addressOf({ server }: FastifyInstance): string {
  const { family, address, port } = server.address() as AddressInfo;
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** SIGUSR2 goes one step down to trace, and from there back to the configured level. */
function nextLevel(level: string, configured: string): string {
  const levels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'];
  return levels[levels.indexOf(level) + 1] ?? configured;
}

/** What a failure to listen means, in the words of the flag to change. */
function listeningProblem({ code, message }: NodeJS.ErrnoException, options: Options): string {
  const { unixSocket, address, port } = options;
  const inUse = code === 'EADDRINUSE';
  if (unixSocket !== '') {
    return `--unix-socket: ${unixSocket} ${inUse ? 'is in use already' : `cannot be listened on: ${message}`}`;
  }
  if (inUse) return `--port: ${port} is in use already on ${address}`;
  if (code === 'EACCES') return `--port: ${port} needs a privilege that this user does not have`;
  const notHere = ['EADDRNOTAVAIL', 'EINVAL', 'ENOTFOUND', 'EAI_AGAIN'].includes(code ?? '');
  return `--address: ${address} ${notHere ? 'is not an address of this machine' : `cannot be listened on: ${message}`}`;
}

/** A socket that is left over from an earlier run goes; one that somebody listens on and any other file stay, and listening fails. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() && !(await isListenedOn(path))) await unlink(path);
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/**
 * Installed before anything else: as process 1 of a container, a program without a handler does not hear SIGTERM. A
 * second signal ends the process at once.
 */
function leaveOnSignal(
  { shutdownDelay, shutdownGrace }: Options,
  logger: Logger,
  running: () => Program | undefined,
): void {
  closeWithGrace(
    {
      delay: shutdownDelay + shutdownGrace + 1000,
      logger: false,
      skip: ['uncaughtException', 'unhandledRejection', 'beforeExit', 'SIGUSR2'],
    },
    async ({ signal }) => {
      const program = running();
      if (program === undefined) return;
      logger.info({ signal }, 'leaving');
      await drain(program, { delay: shutdownDelay, grace: shutdownGrace });
      await new Promise<void>(resolve => logger.flush(() => resolve()));
    },
  );
}
