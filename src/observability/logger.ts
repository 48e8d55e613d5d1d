import pino from 'pino';
import pretty from 'pino-pretty';

/** The program's log; pino's interface is used as it is. */
export type Logger = pino.Logger;

/** What of the command line concerns the log. */
export interface LoggerOptions {
  readonly level: string;
  readonly format: 'json' | 'pretty';
  /** File descriptor to write to; stderr unless a test says otherwise. */
  readonly fd?: number;
}

/**
 * A logger that writes one line an event. Nothing here serialises requests, headers or options: a line holds the
 * fields that its caller names, and an error is its type, message and code along its chain of causes.
 */
export function createLogger({ level, format, fd = 2 }: LoggerOptions): Logger {
  const destination =
    format === 'pretty'
      ? pretty({ destination: fd, sync: true, colorize: false, ignore: 'pid,hostname' })
      : createBatches(fd);
  return pino({ level, base: null, serializers: { err: describe } }, destination);
}

/**
 * Lines are written some at a time, and no later than a blink after they were logged; pino writes the rest at exit. A
 * system call a line was a quarter of the CPU time of a small GET.
 */
function createBatches(fd: number): pino.DestinationStream {
  const destination = pino.destination({ dest: fd, sync: false, minLength: 64 * 1024, maxWrite: 128 * 1024 });
  setInterval(() => destination.flush(), 50).unref();
  return destination;
}

/** An error as a log line has it; the stack only of what nobody expected. */
interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

function describe(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an Error' };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(error instanceof TypeError || error instanceof RangeError ? { stack: error.stack ?? '' } : {}),
    ...(error.cause instanceof Error ? { cause: describe(error.cause) } : {}),
  };
}
