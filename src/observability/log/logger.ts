import pino from 'pino';
import { LineFile } from '../line-file.js';
import { escapeControls } from './control-characters.js';
import { prettyLine } from './pretty-line.js';

/** The program's log, which is a pino logger. */
export type Logger = pino.Logger;

/** The options of the log. */
export interface LoggerOptions {
  readonly level: string;
  readonly format: 'json' | 'pretty';
  /** File descriptor to write to; stderr unless a test says otherwise. */
  readonly fd?: number;
}

/**
 * A logger that writes one line for each event. A line has the fields that the caller names, never whole requests, headers or options. An
 * error becomes its type, message and code, and those of its causes. No value in a line can begin a new line or control a terminal. While
 * nobody reads the lines, they wait; when 16 MB wait, further lines are dropped, and the next line that is written says how many.
 */
export function createLogger({ level, format, fd = 2 }: LoggerOptions): Logger {
  const hooks = { streamWrite: escapeControls };
  return pino({ level, base: null, serializers: { err: describe }, hooks }, new LogFile(fd, format));
}

/** How many lines were dropped. */
export function droppedLines(logger: Logger): number {
  return fileOf(logger)?.droppedLines ?? 0;
}

/** Resolves when every line is written, or after a second if nobody reads them. */
export function flushed(logger: Logger): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, maxFlushTime).unref();
    logger.flush(() => resolve());
  });
}

/**
 * Writes the waiting lines, and returns when they are written, or after a second if nobody reads them. Use it when the process exits, after
 * `flushed` if there is time: it cannot wait for a write that has begun.
 */
export function flushSync(logger: Logger): void {
  fileOf(logger)?.flushSync();
}

function fileOf(logger: Logger): LogFile | undefined {
  const stream = (logger as unknown as Record<symbol, unknown>)[pino.symbols.streamSym];
  return stream instanceof LogFile ? stream : undefined;
}

/** How many bytes of lines may wait for one system call. */
const batchSize = 128 * 1024;
/** For how many milliseconds they may wait. A person at a terminal waits for none. */
const batchTime = { json: 50, pretty: 0 } as const;
/** Milliseconds that the end of the process waits for whoever reads the lines. */
const maxFlushTime = 1000;

/**
 * Writes several lines at a time: a system call for each line was a quarter of the CPU time of a small GET. The lines wait as bytes.
 * As a string, a line is a tree of short strings, which the garbage collector would have to copy.
 */
class LogFile implements pino.DestinationStream {
  readonly #format: LoggerOptions['format'];
  readonly #file: LineFile;
  readonly #batch = Buffer.allocUnsafeSlow(batchSize);
  #length = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushUntil: number | undefined;
  /** Dropped lines that no line tells of yet. */
  #untold = 0;
  /** All dropped lines. */
  droppedLines = 0;

  constructor(fd: number, format: LoggerOptions['format']) {
    this.#format = format;
    const dropped = (lines: number): void => {
      this.#untold += lines;
      this.droppedLines += lines;
    };
    this.#file = LineFile.of(fd, { failed() {}, recovered() {}, dropped });
  }

  write(json: string): void {
    const line = this.#printed(json);
    // A character is at most three bytes of UTF-8 for each of its UTF-16 units.
    if (this.#length + line.length * 3 > batchSize) this.#writeBatch();
    if (line.length * 3 > batchSize) {
      this.#append(Buffer.from(line));
      return;
    }
    this.#length += this.#batch.write(line, this.#length);
    // The timer keeps a program alive that has nothing else to do.
    this.#timer ??= setTimeout(this.#writeBatch, batchTime[this.#format]);
  }

  #writeBatch = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#length === 0) return;
    const lines = Buffer.from(this.#batch.subarray(0, this.#length));
    this.#length = 0;
    this.#append(lines);
  };

  #append(lines: Buffer): void {
    if (this.#untold > 0) {
      const note = `{"level":40,"time":${Date.now()},"lines":${this.#untold},"msg":"lines of the log are missing, because nobody read it"}\n`;
      const both = Buffer.concat([Buffer.from(this.#printed(note)), lines]);
      if (this.#file.hasRoomFor(both)) {
        this.#untold = 0;
        this.#file.write(both);
        return;
      }
    }
    this.#file.write(lines);
  }

  #printed(json: string): string {
    return this.#format === 'pretty' ? prettyLine(json) : json;
  }

  /** Calls back when everything is written; pino's `logger.flush` calls it. */
  flush(callback: () => void): void {
    this.#flushUntil ??= performance.now() + maxFlushTime;
    this.#writeBatch();
    void this.#file.flush().then(callback);
  }

  flushSync(): void {
    this.#writeBatch();
    this.#file.flushSync(this.#flushUntil ?? performance.now() + maxFlushTime);
  }
}

/** An error in a log line. Only unexpected errors have a stack. */
function describe(error: unknown): object {
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

/** The fields of a line; it leaves out undefined ones. */
export type LineFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Writes lines as pino would, to pino's destination. pino searches a serialiser for each key, which takes a tenth of the CPU time of a small
 * GET.
 */
export function createRequestLines(logger: Logger) {
  const inside = logger as unknown as Record<symbol, unknown>;
  const stream = inside[pino.symbols.streamSym] as pino.DestinationStream;
  const bindings = escapeControls(inside[pino.symbols.chindingsSym] as string);
  const { values } = logger.levels;
  return (
    level: 'debug' | 'info' | 'warn',
    message: string,
    origin: LineFields,
    fields: LineFields,
    failure?: Error,
  ): void => {
    const error = failure && `,"err":${escapeControls(JSON.stringify(describe(failure)))}`;
    const line = `{"level":${values[level]},"time":${Date.now()}${bindings}${pairsOf(origin)}${pairsOf(fields)}${error ?? ''}`;
    stream.write(`${line},"msg":"${message}"}\n`);
  };
}

/** V8 reads the fields of an object literal fast, but not those of an object that others were spread into: some 40 µs for a line. */
function pairsOf(fields: LineFields): string {
  let pairs = '';
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    pairs += keyOf(name);
    pairs += typeof value === 'string' ? quote(value) : value;
  }
  return pairs;
}

/** The names of fields with what JSON has around them. To join them for each line took a tenth of its CPU time. */
const keys = new Map<string, string>();

function keyOf(name: string): string {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = `,"${name}":`;
  keys.set(name, key);
  return key;
}

/** Any character that needs an escape in JSON, or more than one byte in UTF-8. */
const special = /[^ !#-[\]-~]/;

function quote(text: string): string {
  return special.test(text) ? escapeControls(JSON.stringify(text)) : `"${text}"`;
}
