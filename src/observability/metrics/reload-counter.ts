import { Counter, type Registry } from 'prom-client';

/** Adds a counter of the reads of changed files. Returns a function that counts one: whether the files could be used. */
export function createReloadCounter(
  registry: Registry,
  name: string,
  help: string,
): (isUsable: boolean) => void {
  const reloads = new Counter({ name, help, labelNames: ['result'], registers: [registry] });
  for (const result of ['success', 'failure']) reloads.inc({ result }, 0);
  return isUsable => reloads.inc({ result: isUsable ? 'success' : 'failure' });
}
