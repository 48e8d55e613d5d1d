import { eventuallyPasses } from '../eventually.js';
import type { ProxyProcess } from './proxy.js';

/** The address of the listener of --admin-port, as `host:port`. Waits until the program has logged it. */
export function adminAddress(program: Pick<ProxyProcess, 'log'>): Promise<string> {
  return eventuallyPasses(() => {
    const line = program.log().find(({ msg }) => msg === 'admin listener');
    if (line === undefined) throw new Error('the log has no line of the admin listener');
    return String(line['address']);
  });
}

/** The port of that listener. */
export async function adminPort(program: Pick<ProxyProcess, 'log'>): Promise<number> {
  return Number(/\d+$/.exec(await adminAddress(program))?.[0]);
}
