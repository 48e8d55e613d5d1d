import { readFileSync } from 'node:fs';
import { residentBytes } from '../support/proxy/process-state.js';

/** Ticks per second in /proc/PID/stat: USER_HZ, which Linux fixes at 100 on every platform of Node. */
const ticksPerSecond = 100;

/** Seconds of CPU, user and system, of a process: fields by their numbers in proc_pid_stat(5), counted from the end of the name, which may contain any character. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return (field(14) + field(15)) / ticksPerSecond;
}

/** Samples a process's memory until `stop`, which returns the samples in bytes. */
export function sampleMemory(pid: number): { stop(): number[] } {
  const samples = [residentBytes(pid)];
  const timer = setInterval(() => samples.push(residentBytes(pid)), 200);
  return {
    stop: () => {
      clearInterval(timer);
      samples.push(residentBytes(pid));
      return samples;
    },
  };
}
