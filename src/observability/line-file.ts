import { close, fstat, open, read, write, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const closeFile = promisify(close);
const openFile = promisify(open);
const readFile = promisify(read);
const statFile = promisify(fstat);
const writeFile = promisify(write);

/** What happens to the lines of a file. */
export interface LineFileEvents {
  /** Writing or reopening the file failed; there will be another try. */
  failed(error: Error): void;
  /** Writing works again. */
  recovered(): void;
  /** This many lines were lost. */
  dropped(lines: number): void;
}

/** Maximum bytes that wait while the file cannot be written; further lines are dropped. */
const maxWaiting = 16 * 1024 * 1024;
/** Milliseconds before a failed write or reopening is tried again. */
const retryInterval = 1000;
/** Milliseconds before a write to a full pipe is tried again. A full pipe is not a failure. */
const busyInterval = 10;
/** Milliseconds that the reader of a full pipe has to make room when the program ends. */
const maxBusyAtEnd = 2000;
const lineBreak = 0x0a;

/** What a synchronous wait waits for: nothing, until its time is over. */
const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Appends lines to a file in the background. While the file cannot be written, it keeps a bounded number of bytes. A line that a full disk
 * has cut is completed before the next one; if the file was replaced meanwhile, the new file gets the whole line. Only its owner can read a
 * file that this class creates.
 */
export class LineFile {
  /** Undefined for a file that was open before. */
  readonly #path: string | undefined;
  readonly #events: LineFileEvents;
  #fd: number;
  /** Whether the file ended within a line when it was opened. */
  #endsWithinLine: boolean;
  #wantsReopen = false;
  /** Each chunk has whole lines. */
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** How many bytes of the first chunk are in the file. */
  #written = 0;
  #isFailing = false;
  /** Whether a thread is writing the first chunk. */
  #isWriting = false;
  #working: Promise<void> | undefined;
  /** When closing must end, on the clock of `performance.now()`; undefined until `close` is called. */
  #closeBy: number | undefined;

  private constructor(path: string | undefined, { fd, endsWithinLine }: OpenFile, events: LineFileEvents) {
    this.#path = path;
    this.#fd = fd;
    this.#endsWithinLine = endsWithinLine;
    this.#events = events;
  }

  /** Opens the file, or creates it; `-` is standard output. Rejects with the system's error. */
  static async open(path: string, events: LineFileEvents): Promise<LineFile> {
    return path === '-' ? LineFile.of(1, events) : new LineFile(path, await openToAppend(path), events);
  }

  /**
   * Writes to a file that is open, and leaves it open. Node makes a pipe behind standard output or standard error non-blocking once its
   * stream was read. A blocking write to a full pipe would hold a thread, and the exit of the process waits for all threads.
   */
  static of(fd: number, events: LineFileEvents): LineFile {
    if (fd === 1) void process.stdout;
    if (fd === 2) void process.stderr;
    return new LineFile(undefined, { fd, endsWithinLine: false }, events);
  }

  /** Takes whole lines, each with its line break, in their order; never fails and never waits. Their bytes must not change afterwards. */
  write(lines: string | Buffer): void {
    const chunk = typeof lines === 'string' ? Buffer.from(lines) : lines;
    if (!this.hasRoomFor(chunk)) {
      this.#events.dropped(countLines(chunk));
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#work();
  }

  /** Whether lines that were written now would be taken, and not dropped. */
  hasRoomFor(lines: Buffer): boolean {
    return this.#closeBy === undefined && this.#waitingBytes + lines.length <= maxWaiting;
  }

  /** Resolves when no line waits. */
  async flush(): Promise<void> {
    await this.#working;
  }

  /**
   * Writes the lines that wait, for a process that exits: without its event loop, and until a time on the clock of `performance.now()` if a
   * pipe is full. A write that a thread has begun goes on beside it.
   */
  flushSync(until: number): void {
    const lines = this.#waiting.splice(this.#isWriting ? 1 : 0);
    const bytes = Buffer.concat(lines).subarray(this.#isWriting ? 0 : this.#written);
    this.#waitingBytes = this.#waiting[0]?.length ?? 0;
    if (!this.#isWriting) this.#written = 0;
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > until) return;
        Atomics.wait(never, 0, 0, busyInterval);
      }
    }
  }

  /** Call this after the file was renamed: further lines go to a file that is opened by its path again. One that was open before stays. */
  reopen(): void {
    if (this.#path === undefined || this.#closeBy !== undefined) return;
    this.#wantsReopen = true;
    this.#work();
  }

  /** Writes the lines that wait, tries once more if that fails, and closes the file. */
  async close(): Promise<void> {
    this.#closeBy = performance.now() + maxBusyAtEnd;
    this.#work();
    await this.#working;
    const lost = countLines(Buffer.concat(this.#waiting).subarray(this.#written));
    if (lost > 0) this.#events.dropped(lost);
    if (this.#path !== undefined) await closeFile(this.#fd).catch(() => {});
  }

  #work(): void {
    this.#working ??= this.#writeAll().finally(() => {
      this.#working = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#wantsReopen || this.#waiting.length > 0) {
      if (this.#wantsReopen) await this.#openAgain();
      const closeBy = this.#closeBy;
      const error = await this.#writeFirst();
      const isBusy = error?.code === 'EAGAIN';
      this.#report(isBusy ? undefined : error);
      if (error === undefined) continue;
      if (closeBy !== undefined && (!isBusy || performance.now() > closeBy)) return;
      // A program that has nothing else to do waits for the reader of a pipe, and not for a file that another program opened and that fails.
      const ref = isBusy || this.#path !== undefined;
      await delay(isBusy ? busyInterval : retryInterval, undefined, { ref });
    }
  }

  /** If the path cannot be opened, lines are still written to the old file, so that none is lost. */
  async #openAgain(): Promise<void> {
    this.#wantsReopen = false;
    try {
      const { fd, endsWithinLine } = await openToAppend(this.#path as string);
      const before = this.#fd;
      this.#fd = fd;
      this.#endsWithinLine = endsWithinLine;
      this.#written = (this.#waiting[0]?.subarray(0, this.#written).lastIndexOf(lineBreak) ?? -1) + 1;
      await closeFile(before).catch(() => {});
    } catch (error) {
      this.#events.failed(error as Error);
      setTimeout(() => this.reopen(), retryInterval).unref();
    }
  }

  /** Writes the chunk that has waited longest. Returns what stopped it. */
  async #writeFirst(): Promise<NodeJS.ErrnoException | undefined> {
    const [chunk] = this.#waiting;
    if (chunk === undefined) return undefined;
    this.#isWriting = true;
    try {
      if (this.#endsWithinLine) await writeFile(this.#fd, '\n');
      this.#endsWithinLine = false;
      while (this.#written < chunk.length)
        this.#written += (await writeFile(this.#fd, chunk, this.#written)).bytesWritten;
    } catch (error) {
      return error as NodeJS.ErrnoException;
    } finally {
      this.#isWriting = false;
    }
    this.#waiting.shift();
    this.#waitingBytes -= chunk.length;
    this.#written = 0;
    return undefined;
  }

  #report(error: Error | undefined): void {
    if (error !== undefined) this.#events.failed(error);
    else if (this.#isFailing) this.#events.recovered();
    this.#isFailing = error !== undefined;
  }
}

interface OpenFile {
  readonly fd: number;
  /** True if a full disk or a crash has cut the last line. */
  readonly endsWithinLine: boolean;
}

async function openToAppend(path: string): Promise<OpenFile> {
  const fd = await openFile(path, 'a', 0o600);
  // If the file cannot be read, its last line counts as whole.
  return { fd, endsWithinLine: await endsWithinLine(path, fd).catch(() => false) };
}

async function endsWithinLine(path: string, fd: number): Promise<boolean> {
  const stats = await statFile(fd);
  if (!stats.isFile() || stats.size === 0) return false;
  const reader = await openFile(path, 'r');
  try {
    const { buffer } = await readFile(reader, Buffer.alloc(1), 0, 1, stats.size - 1);
    return buffer[0] !== lineBreak;
  } finally {
    await closeFile(reader);
  }
}

function countLines(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(lineBreak); at !== -1; at = chunk.indexOf(lineBreak, at + 1)) count += 1;
  return count;
}
