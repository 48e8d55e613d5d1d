import { readFileSync } from 'node:fs';
import type { Settings } from './settings.js';
import type { Tools } from './tools.js';

/** What every part of one run needs: the settings, the tools, the processors to use, and a temporary folder. */
export interface Bench {
  readonly settings: Settings;
  readonly tools: Tools;
  readonly placement: Placement;
  readonly directory: string;
}

/**
 * Processor lists, in taskset's format, for the program under test and for everything else; `undefined` leaves the
 * choice to the system.
 */
export type Placement = Readonly<Record<'program' | 'load', string | undefined>>;

/** Gives the program under test its own processor if this process may use at least two. */
export function choosePlacement(wanted: boolean): Placement {
  const [first, second, ...rest] = wanted ? allowedProcessors() : [];
  if (first === undefined || second === undefined) return { program: undefined, load: undefined };
  return { program: String(second), load: [first, ...rest].join(',') };
}

/** Reads a list like `0-3,8` from /proc (proc_pid_status(5)). */
function allowedProcessors(): number[] {
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return list.split(',').flatMap(range => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}
