import { readdirSync, readFileSync } from 'node:fs';
import { residentBytes } from '../support/proxy/process-state.js';

/** Ticks per second in /proc/PID/stat: USER_HZ, which Linux fixes at 100 on every platform of Node. */
const ticksPerSecond = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Time in user and system mode, of the process and of children that it has waited for, in ticks. */
  readonly ticks: number;
}

/** Seconds of CPU, user and system, of a process and its descendants, even those that have ended. */
export function cpuSeconds(pid: number): number {
  return tree(pid).reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond;
}

/** Resident bytes of a process and its descendants; a page that they share counts once for each process. */
export function residentTreeBytes(pid: number): number {
  return tree(pid).reduce((sum, process) => sum + residentBytes(process.pid), 0);
}

/** Samples a process's memory until `stop`, which returns the samples in bytes. */
export function sampleMemory(pid: number): { stop(): number[] } {
  const samples = [residentTreeBytes(pid)];
  const timer = setInterval(() => samples.push(residentTreeBytes(pid)), 200);
  return {
    stop: () => {
      clearInterval(timer);
      samples.push(residentTreeBytes(pid));
      return samples;
    },
  };
}

function tree(root: number): Stat[] {
  const all = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => readStat(Number(name)) ?? []);
  const found = all.filter(({ pid }) => pid === root);
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

/** Fields by their numbers in proc_pid_stat(5), counted from the end of the name, which may contain any character. */
function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return { pid, parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
}
