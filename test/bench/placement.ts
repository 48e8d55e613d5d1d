import { readFileSync } from 'node:fs';

/**
 * Processor lists, as taskset takes them, for the program under test and for everything else; `undefined` leaves the
 * choice to the system.
 */
export interface Placement {
  readonly program: string | undefined;
  readonly load: string | undefined;
}

/** Gives the program under test a processor of its own, of those that this process may use, if there are two. */
export function choosePlacement(wanted: boolean): Placement {
  const [first, second, ...rest] = wanted ? allowedProcessors() : [];
  if (first === undefined || second === undefined) return { program: undefined, load: undefined };
  return { program: String(second), load: [first, ...rest].join(',') };
}

/** From a list like `0-3,8` in /proc (proc_pid_status(5)). */
function allowedProcessors(): number[] {
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return list.split(',').flatMap(range => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}
