import { constants } from 'node:os';
import { locationVariable } from './api-server.js';
import { startGuarded } from './guarded-process.js';
import { areRequired, findPrograms, missingPrograms } from './programs.js';
import { startPair } from './run.js';

/**
 * Runs a command with an API server, whose location is in its environment, and exits as the command does. However it ends, nothing that it
 * has started outlives it. Without the programs it only says so, and fails if they are required.
 */
async function main(command: readonly string[]): Promise<number> {
  if (findPrograms() === undefined) {
    process.stderr.write(`${areRequired ? 'Failed' : 'Skipped'}: ${missingPrograms}\n`);
    return areRequired ? 1 : 0;
  }
  const cleanups: (() => unknown)[] = [];
  const stopped = new Promise<number>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => resolve(128 + constants.signals[signal]));
    }
  });
  try {
    return await Promise.race([stopped, runWithPair(command, cleanups)]);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

async function runWithPair(command: readonly string[], cleanups: (() => unknown)[]): Promise<number> {
  const location = await startPair({ after: cleanup => void cleanups.push(cleanup) });
  const env = { ...process.env, [locationVariable]: JSON.stringify(location) };
  const child = startGuarded(command, { output: 'inherit', env });
  cleanups.push(() => child.kill());
  const { code } = await child.exited;
  return code ?? 1;
}

// What was interrupted may go on; nothing that it starts outlives this process.
process.exit(await main(process.argv.slice(2)));
