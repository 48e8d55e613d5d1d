import pino from 'pino';
import { escapeControls } from './control-characters.js';
import { prettyLine } from './pretty-line.js';

/** The program's log, which is a pino logger. */
export type Logger = pino.Logger;

/** The options of the log. */
export interface LoggerOptions {
  readonly level: string;
  readonly format: 'json' | 'pretty';
  /** Set if several processes write to the same file. Lines then stay whole, and a worker's lines contain its number. */
  readonly shared?: { readonly worker?: number };
  /** File descriptor to write to; stderr unless a test says otherwise. */
  readonly fd?: number;
}

/**
 * A logger that writes one line for each event. A line has the fields that the caller names, never whole requests, headers or options. An
 * error becomes its type, message and code, and those of its causes. No value in a line can begin a new line or control a terminal.
 */
export function createLogger({ level, format, shared, fd = 2 }: LoggerOptions): Logger {
  const destination =
    format === 'pretty'
      ? createPretty(fd)
      : new Batches(fd, shared === undefined ? oneProcess : manyProcesses);
  const base = shared?.worker === undefined ? null : { worker: shared.worker };
  const hooks = { streamWrite: escapeControls };
  return pino({ level, base, serializers: { err: describe }, hooks }, destination);
}

function createPretty(fd: number): pino.DestinationStream {
  const stream = pino.destination({ dest: fd, sync: true });
  return { write: line => void stream.write(prettyLine(line)) };
}

/**
 * Writes the waiting lines, and returns when they are written. Use it when the process ends. It cannot wait for a write that has begun. If
 * there is time, use `logger.flush`, which waits and keeps the order.
 */
export function flushSync(logger: Logger): void {
  const stream = (logger as unknown as Record<symbol, unknown>)[pino.symbols.streamSym];
  if (stream instanceof Batches) stream.flushSync();
}

/** How many bytes of lines may wait for one system call, and for how many milliseconds. */
interface BatchLimits {
  readonly size: number;
  readonly time: number;
}

const oneProcess: BatchLimits = { size: 128 * 1024, time: 50 };
/** PIPE_BUF on Linux: up to this length, a write to a pipe stays in one piece (pipe(7)). Other processes may write into longer ones. */
const manyProcesses: BatchLimits = { size: 4096, time: 10 };

/**
 * Writes several lines at a time: a system call for each line was a quarter of the CPU time of a small GET. The lines wait as bytes.
 * As a string, a line is a tree of short strings, which the garbage collector would have to copy.
 */
class Batches implements pino.DestinationStream {
  readonly #destination: ReturnType<typeof pino.destination>;
  readonly #limits: BatchLimits;
  readonly #batch: Buffer;
  #length = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number, limits: BatchLimits) {
    this.#limits = limits;
    this.#batch = Buffer.allocUnsafeSlow(limits.size);
    this.#destination = pino.destination({
      dest: fd,
      sync: false,
      minLength: 1,
      maxWrite: limits.size,
      contentMode: 'buffer',
    } as never);
  }

  write(line: string): void {
    // A character is at most three bytes of UTF-8 for each of its UTF-16 units.
    const { size, time } = this.#limits;
    if (this.#length + line.length * 3 > size) this.#writeBatch();
    if (line.length * 3 > size) {
      this.#destination.write(Buffer.from(line) as never);
      return;
    }
    this.#length += this.#batch.write(line, this.#length);
    // The timer keeps a program alive that has nothing else to do: pino closes its destination before such a program exits.
    this.#timer ??= setTimeout(this.#writeBatch, time);
  }

  #writeBatch = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#length === 0) return;
    this.#destination.write(Buffer.from(this.#batch.subarray(0, this.#length)) as never);
    this.#length = 0;
  };

  /** Calls back when everything is written; pino's `logger.flush` calls it. */
  flush(callback: () => void): void {
    this.#writeBatch();
    this.#destination.flush(callback);
  }

  flushSync(): void {
    // pino writes at exit what its destination already has.
    if (this.#length === 0) return;
    this.#writeBatch();
    this.#destination.flushSync();
  }
}

/** Resolves when every line is written, or after a second if nobody reads them. */
export function flushed(logger: Logger): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, 1000).unref();
    logger.flush(() => resolve());
  });
}

/** An error in a log line. Only unexpected errors have a stack. */
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
