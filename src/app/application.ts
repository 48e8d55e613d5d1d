import type { Options } from '../options/table.js';
import { createProgram, type ProcessInfo, type Program } from './compose.js';
import { type DrainTimes, drain } from './drain.js';
import type { Listener } from './listen.js';

/** A program and its listener. The program serves requests itself, or has workers for that. */
export interface Application {
  readonly program: Program;
  readonly listener: Listener;
  /** Call this once the listener listens. Resolves when requests are served, or with the problems that prevent that. */
  start(): Promise<readonly string[]>;
  /** The log level of this process has changed. */
  setLevel(level: string): void;
  drain(times: DrainTimes): Promise<void>;
  /** Ends everything immediately, after a failed start. */
  abandon(): Promise<void>;
}

/** A program that serves requests itself, without workers. */
export async function createApplication(
  options: Options,
  info: ProcessInfo,
): Promise<Application | { readonly problems: readonly string[] }> {
  const program = await createProgram(options, info);
  if ('problems' in program) return program;
  return {
    program,
    listener: program.app,
    async start() {
      // The proxy's own requests to the API server begin after the line which says that it serves.
      setImmediate(() => {
        program.startWarnings();
        program.discover();
      });
      return [];
    },
    setLevel() {},
    drain: times => drain(program, times),
    abandon: () => program.close(),
  };
}
