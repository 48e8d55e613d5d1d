import pino from 'pino';
import { escapeControls } from './control-characters.js';
import { prettyLine } from './pretty-line.js';

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
 * fields that its caller names, and an error is its type, message and code along its chain of causes. No text in it
 * can begin a new line or control a terminal.
 */
export function createLogger({ level, format, shared, fd = 2 }: LoggerOptions): Logger {
  const destination =
    format === 'pretty' ? createPretty(fd) : new Batches(fd, shared === undefined ? alone : among);
  const base = shared?.worker === undefined ? null : { worker: shared.worker };
  const hooks = { streamWrite: escapeControls };
  return pino({ level, base, serializers: { err: describe }, hooks }, destination);
}

function createPretty(fd: number): pino.DestinationStream {
  const stream = pino.destination({ dest: fd, sync: true });
  return { write: line => void stream.write(prettyLine(line)) };
}

/**
 * Writes the lines that wait, and returns when they are written: for the end of the process. What is being written at that
 * moment cannot be waited for; `logger.flush` does that, in order, where there is time.
 */
export function flushSync(logger: Logger): void {
  const stream = (logger as unknown as Record<symbol, unknown>)[pino.symbols.streamSym];
  if (stream instanceof Batches) stream.flushSync();
}

/** Bytes of lines that wait at most and go into one system call, and milliseconds that they wait. */
interface BatchLimits {
  readonly size: number;
  readonly time: number;
}

const alone: BatchLimits = { size: 128 * 1024, time: 50 };
/** PIPE_BUF on Linux: what several processes write to one pipe is not mixed up to this length (pipe(7)); a longer line may be. */
const among: BatchLimits = { size: 4096, time: 10 };

/**
 * Lines are written some at a time; a system call a line was a quarter of the CPU time of a small GET. They wait as bytes,
 * for a line is a tree of short strings until it is written, which the garbage collector would have to carry along.
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
    if (this.#length + line.length * 3 > size) this.#hand();
    if (line.length * 3 > size) {
      this.#destination.write(Buffer.from(line) as never);
      return;
    }
    this.#length += this.#batch.write(line, this.#length);
    // It keeps a program alive that has nothing else to do: pino's destination is closed before such a program exits.
    this.#timer ??= setTimeout(this.#hand, time);
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
