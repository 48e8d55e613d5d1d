import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findExecutable } from '../../credentials/exec-plugin.js';

const run = promisify(execFile);

/**
 * What starts a command so that it gets a SIGTERM if this process is killed: setpriv of util-linux 2.33 and later. Empty where it is missing,
 * or is one that cannot do that, such as busybox's. Never rejects.
 */
export async function findDeathSignal(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const found = await findExecutable('setpriv', env['PATH']);
  if ('problem' in found) return [];
  const args = ['--pdeathsig', 'TERM', '--'];
  try {
    await run(found.file, [...args, 'true'], { env });
    return [found.file, ...args];
  } catch {
    return [];
  }
}
