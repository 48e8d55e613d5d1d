import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { patience } from '../eventually.js';

/** How many file descriptors a process has open (Linux only). */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Waits until a number is not above a limit, and returns it. After `timeout` milliseconds it returns the number anyway. */
export async function settled(
  measure: () => number | Promise<number>,
  bound: number,
  timeout = patience,
): Promise<number> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const now = await measure();
    if (now <= bound || Date.now() > deadline) return now;
    await delay(100);
  }
}

/** The resident memory of a process, in bytes (VmRSS; Linux only). */
export function residentBytes(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
