import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { send } from './http-client.js';

/** How many file descriptors a process has open (Linux only). */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Waits until a number is not above a limit, and returns it. After `timeout` milliseconds it returns the number anyway. */
export async function settled(
  measure: () => number | Promise<number>,
  bound: number,
  timeout = 10_000,
): Promise<number> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const now = await measure();
    if (now <= bound || Date.now() > deadline) return now;
    await delay(100);
  }
}

/** The program's own metrics without labels, and the sums of those with labels, by name. */
export async function ownMetrics(port: number): Promise<ReadonlyMap<string, number>> {
  const { text } = await send(port, '/-/metrics');
  const sums = new Map<string, number>();
  for (const [, name = '', value] of text.matchAll(/^(\w+)(?:\{.*\})? (\S+)$/gm)) {
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}
