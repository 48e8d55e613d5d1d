import type { Options } from '../options/table.js';
import { createProgram, type Program, type Surroundings } from './compose.js';
import { type DrainTimes, drain } from './drain.js';
import type { Listener } from './listen.js';

/** A program with what listens in front of it, whether it serves by itself or has workers for that. */
export interface Front {
  readonly program: Program;
  readonly listener: Listener;
  /** It listens: resolves when requests are served, or with the problems that keep them from it. */
  start(): Promise<readonly string[]>;
  /** The log level of this process has changed. */
  setLevel(level: string): void;
  drain(times: DrainTimes): Promise<void>;
  /** Ends everything at once, for it cannot be used. */
  abandon(): Promise<void>;
}

/** A program that serves by itself. */
export async function createFront(
  options: Options,
  surroundings: Surroundings,
): Promise<Front | { readonly problems: readonly string[] }> {
  const program = await createProgram(options, surroundings);
  if ('problems' in program) return program;
  return {
    program,
    listener: program.app,
    async start() {
      program.startWarnings();
      program.discover();
      return [];
    },
    setLevel() {},
    drain: times => drain(program, times),
    abandon: () => program.close(),
  };
}
