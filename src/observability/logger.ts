import pino from 'pino';
import pretty from 'pino-pretty';

/** The program's log; pino's interface is used as it is. */
export type Logger = pino.Logger;

/** What of the command line concerns the log. */
export interface LoggerOptions {
  readonly level: string;
  readonly format: 'json' | 'pretty';
  /** Several processes write to the same place: lines stay whole, and those of a worker bear its number. */
  readonly shared?: { readonly worker?: number };
  /** File descriptor to write to; stderr unless a test says otherwise. */
  readonly fd?: number;
}

/**
 * A logger that writes one line an event. Nothing here serialises requests, headers or options: a line holds the
 * fields that its caller names, and an error is its type, message and code along its chain of causes.
 */
export function createLogger({ level, format, shared, fd = 2 }: LoggerOptions): Logger {
  const destination =
    format === 'pretty'
      ? pretty({ destination: fd, sync: true, colorize: false, ignore: 'pid,hostname' })
      : shared === undefined
        ? createBatches(fd)
        : createWholeBatches(fd);
  const base = shared?.worker === undefined ? null : { worker: shared.worker };
  return pino({ level, base, serializers: { err: describe } }, destination);
}

/**
 * Lines are written some at a time, 10 ms after the first of them at the latest; pino writes the rest at exit. A system call a
 * line was a quarter of the CPU time of a small GET.
 */
function createBatches(fd: number): pino.DestinationStream {
  const destination = pino.destination({
    dest: fd,
    sync: false,
    minLength: 64 * 1024,
    maxWrite: 128 * 1024,
  });
  let scheduled = false;
  const flush = () => {
    scheduled = false;
    destination.flush();
  };
  return {
    write(line) {
      destination.write(line);
      if (scheduled) return;
      scheduled = true;
      setTimeout(flush, 10).unref();
    },
  };
}

/** PIPE_BUF on Linux: what several processes write to one pipe is not mixed up to this length (pipe(7)). */
const atomicBytes = 4096;

/** As `createBatches`, with no more bytes in one system call than stay together (but for a line that is longer by itself). */
function createWholeBatches(fd: number): pino.DestinationStream & { flush(done: () => void): void } {
  const destination = pino.destination({ dest: fd, sync: false, maxWrite: atomicBytes });
  let batch = '';
  let bytes = 0;
  let isScheduled = false;
  let isWriting = false;
  const pass = () => {
    isScheduled = false;
    if (batch === '') return;
    isWriting = true;
    destination.write(batch);
    batch = '';
    bytes = 0;
  };
  destination.on('drain', () => {
    isWriting = false;
  });
  return {
    write(line) {
      const length = Buffer.byteLength(line);
      if (bytes + length > atomicBytes) pass();
      batch += line;
      bytes += length;
      if (isScheduled) return;
      isScheduled = true;
      setTimeout(pass, 10);
    },
    flush(done) {
      pass();
      if (isWriting) destination.once('drain', done);
      else done();
    },
  };
}

/** Resolves when every line is out, or after a second in which whoever reads them did not. */
export function flushed(logger: Logger): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, 1000).unref();
    logger.flush(() => resolve());
  });
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
