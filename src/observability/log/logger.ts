import pino from 'pino';
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
 * error becomes its type, message and code, and those of its causes. No value in a line can begin a new line or control a terminal.
 */
export function createLogger({ level, format, fd = 2 }: LoggerOptions): Logger {
  const destination = format === 'pretty' ? createPretty(fd) : new Batches(fd);
  const hooks = { streamWrite: escapeControls };
  return pino({ level, base: null, serializers: { err: describe }, hooks }, destination);
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

/** How many bytes of lines may wait for one system call. */
const batchSize = 128 * 1024;
/** For how many milliseconds they may wait. */
const batchTime = 50;

/**
 * Writes several lines at a time: a system call for each line was a quarter of the CPU time of a small GET. The lines wait as bytes.
 * As a string, a line is a tree of short strings, which the garbage collector would have to copy.
 */
class Batches implements pino.DestinationStream {
  readonly #destination: ReturnType<typeof pino.destination>;
  readonly #batch = Buffer.allocUnsafeSlow(batchSize);
  #length = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#destination = pino.destination({
      dest: fd,
      sync: false,
      minLength: 1,
      maxWrite: batchSize,
      contentMode: 'buffer',
    } as never);
  }

  write(line: string): void {
    // A character is at most three bytes of UTF-8 for each of its UTF-16 units.
    if (this.#length + line.length * 3 > batchSize) this.#writeBatch();
    if (line.length * 3 > batchSize) {
      this.#destination.write(Buffer.from(line) as never);
      return;
    }
    this.#length += this.#batch.write(line, this.#length);
    // The timer keeps a program alive that has nothing else to do: pino closes its destination before such a program exits.
    this.#timer ??= setTimeout(this.#writeBatch, batchTime);
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

/** What is known about a request from the start. */
export interface RequestOrigin {
  readonly method: string;
  /** Path as sent, without its query, which may contain a token. */
  readonly path: string;
  /** The peer's. */
  readonly remoteAddress: string | undefined;
  /** The client's, from a trusted proxy; undefined if the peer is the client. */
  readonly clientAddress: string | undefined;
  /** Name of the context; undefined if only one cluster is served, and for a request that goes to no cluster. */
  readonly cluster: string | undefined;
  /** The request's X-Request-Id: the client's, or a new one. */
  readonly requestId: string;
  /** W3C Trace Context, which goes to the API server unchanged; undefined without one. */
  readonly traceparent: string | undefined;
}

/** The fields of a line about a request; the line leaves out undefined ones. */
export interface RequestLineFields extends RequestOrigin {
  readonly user: string | undefined;
  readonly impersonatedUser: string | undefined;
  /** Name of an authorizer. */
  readonly deniedBy: string | undefined;
  readonly verb: string;
  readonly apiGroup: string | undefined;
  readonly version: string | undefined;
  readonly resource: string | undefined;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  /** Not `name`: tools that print pino's lines take that for the logger's name. */
  readonly resourceName: string | undefined;
  readonly code: number;
  /** Whether the answer shows only a part of what the API server has. */
  readonly filtered?: boolean | undefined;
  readonly auditId: string | undefined;
  readonly bytes: number | undefined;
  readonly durationMs: number | undefined;
  readonly endedBy: string | undefined;
}

/**
 * Writes lines as pino would, to pino's destination. pino walks an unknown object and searches a serialiser for each key, which takes a
 * tenth of the CPU time of a small GET. These lines always have the same fields.
 */
export function createRequestLines(
  logger: Logger,
): (level: 'debug' | 'info' | 'warn', fields: RequestLineFields, message: string) => void {
  const inside = logger as unknown as Record<symbol, unknown>;
  const stream = inside[pino.symbols.streamSym] as pino.DestinationStream;
  const bindings = escapeControls(inside[pino.symbols.chindingsSym] as string);
  const { values } = logger.levels;
  return (level, fields, message) => {
    const { remoteAddress, clientAddress, traceparent, auditId, bytes, durationMs, endedBy } = fields;
    let line = `{"level":${values[level]},"time":${Date.now()}${bindings},"method":"${fields.method}"`;
    line += `,"path":${quote(fields.path)}`;
    if (remoteAddress !== undefined) line += `,"remoteAddress":"${remoteAddress}"`;
    if (clientAddress !== undefined) line += `,"clientAddress":"${clientAddress}"`;
    if (fields.cluster !== undefined) line += `,"cluster":${quote(fields.cluster)}`;
    if (fields.user !== undefined) line += `,"user":${quote(fields.user)}`;
    if (fields.impersonatedUser !== undefined)
      line += `,"impersonatedUser":${quote(fields.impersonatedUser)}`;
    if (fields.deniedBy !== undefined) line += `,"deniedBy":${quote(fields.deniedBy)}`;
    line += `,"requestId":${quote(fields.requestId)}`;
    if (traceparent !== undefined) line += `,"traceparent":${quote(traceparent)}`;
    line += `,"verb":"${fields.verb}"`;
    if (fields.apiGroup !== undefined) line += `,"apiGroup":${quote(fields.apiGroup)}`;
    if (fields.version !== undefined) line += `,"version":${quote(fields.version)}`;
    if (fields.resource !== undefined) line += `,"resource":${quote(fields.resource)}`;
    if (fields.subresource !== undefined) line += `,"subresource":${quote(fields.subresource)}`;
    if (fields.namespace !== undefined) line += `,"namespace":${quote(fields.namespace)}`;
    if (fields.resourceName !== undefined) line += `,"resourceName":${quote(fields.resourceName)}`;
    line += `,"code":${fields.code}`;
    if (fields.filtered === true) line += ',"filtered":true';
    if (auditId !== undefined) line += `,"auditId":${quote(auditId)}`;
    if (bytes !== undefined) line += `,"bytes":${bytes}`;
    if (durationMs !== undefined) line += `,"durationMs":${durationMs}`;
    if (endedBy !== undefined) line += `,"endedBy":"${endedBy}"`;
    stream.write(`${line},"msg":"${message}"}\n`);
  };
}

/** Any character that needs an escape in JSON, or more than one byte in UTF-8. */
const special = /[^ !#-[\]-~]/;

function quote(text: string): string {
  return special.test(text) ? escapeControls(JSON.stringify(text)) : `"${text}"`;
}
