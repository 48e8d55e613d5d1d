import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from '../support/eventually.js';
import type { FakeApiServer } from '../support/fake-api-server.js';
import { send } from '../support/http-client.js';
import type { ProxyProcess } from '../support/proxy.js';
import type { Scope } from '../support/scope.js';
import { type Stack, startStack } from '../support/stack.js';
import { type OpenStream, openWatch } from './credential-probe.js';

/** A proxy with its API server, which end with the test. The log already names all workers. */
export async function start(scope: Scope, flags: readonly string[]): Promise<Stack> {
  const stack = await startStack(scope, { flags });
  const isLogged = () => workersOf(stack.proxy).size === childrenOf(stack.proxy.pid).length;
  if (!flags.includes('--log-level=warn')) await eventually('the lines of the workers', isLogged);
  return stack;
}

/** Sends this number of requests one after the other, each on its own connection. */
export async function sendMany(port: number, count: number, path: string): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) assert.equal((await send(port, path)).status, 200);
}

/** Opens watches, each on its own connection, until every worker has one. */
export async function openWatches(
  { proxy, server }: { proxy: ProxyProcess; server: FakeApiServer },
  workers: number,
): Promise<Map<number, OpenStream[]>> {
  const found = new Map<number, OpenStream[]>();
  const path = '/api/v1/namespaces/default/configmaps';
  const openLines = () => proxy.log().filter(line => line['path'] === path && line['msg'] === 'request open');
  for (let count = 1; found.size < workers || count <= 2 * workers; count += 1) {
    assert.ok(count < 20, 'connections go to every worker');
    const watch = await openWatch(proxy, server);
    await eventually('the line', () => openLines().length === count);
    const worker = openLines().at(-1)?.['worker'] as number;
    found.set(worker, [...(found.get(worker) ?? []), watch]);
  }
  return found;
}

/** The serving processes by their numbers, from the log. */
export function workersOf(proxy: Pick<ProxyProcess, 'log'>): Map<number, number> {
  const workers = new Map<number, number>();
  for (const { msg, worker, pid } of proxy.log()) {
    if (msg === 'worker serves') workers.set(worker as number, pid as number);
    if (msg === 'a worker died and is replaced') workers.delete(worker as number);
  }
  return workers;
}

/** The numbers of the workers that have logged a request for this path. */
export function servedBy(proxy: Pick<ProxyProcess, 'log'>, path: string): Set<number> {
  const lines = proxy.log().filter(line => line['path'] === path);
  return new Set(lines.map(({ worker }) => worker as number));
}

/** The process ids of a process's children, from the system. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number);
}

/** proc_pid_stat(5): the fourth field, counted from the end of the name, which may contain any character. */
function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
