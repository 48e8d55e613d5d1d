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
      : new Batches(fd);
  return pino({ level, base: null, serializers: { err: describe } }, destination);
}

/**
 * Writes the lines that wait, and returns when they are written: for the end of the process. What is being written at that
 * moment cannot be waited for; `logger.flush` does that, in order, where there is time.
 */
export function flushSync(logger: Logger): void {
  const stream = (logger as unknown as Record<symbol, unknown>)[pino.symbols.streamSym];
  if (stream instanceof Batches) stream.flushSync();
}

/** Bytes of lines that wait at most, and milliseconds that they do. */
const batchSize = 128 * 1024;
const batchTime = 50;

/**
 * Lines are written some at a time; a system call a line was a quarter of the CPU time of a small GET. They wait as bytes,
 * for a line is a tree of short strings until it is written, which the garbage collector would have to carry along.
 */
class Batches implements pino.DestinationStream {
  readonly #destination: ReturnType<typeof pino.destination>;
  #batch = Buffer.allocUnsafeSlow(batchSize);
  #length = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#destination = pino.destination({
      dest: fd,
      sync: false,
      minLength: 1,
      contentMode: 'buffer',
    } as never);
  }

  write(line: string): void {
    // A character is at most three bytes of UTF-8 for each of its UTF-16 units.
    if (this.#length + line.length * 3 > batchSize) this.#hand();
    if (line.length * 3 > batchSize) {
      this.#destination.write(Buffer.from(line) as never);
      return;
    }
    this.#length += this.#batch.write(line, this.#length);
    // It keeps a program alive that has nothing else to do: pino's destination is closed before such a program exits.
    this.#timer ??= setTimeout(this.#hand, batchTime);
  }

  #hand = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#length === 0) return;
    this.#destination.write(Buffer.from(this.#batch.subarray(0, this.#length)) as never);
    this.#length = 0;
  };

  /** Calls back when everything is written; this is what pino's `logger.flush` does. */
  flush(callback: () => void): void {
    this.#hand();
    this.#destination.flush(callback);
  }

  flushSync(): void {
    // What is handed over already is pino's to write at exit.
    if (this.#length === 0) return;
    this.#hand();
    this.#destination.flushSync();
  }
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
