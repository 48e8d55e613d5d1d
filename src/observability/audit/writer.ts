import { setTimeout as delay } from 'node:timers/promises';
import { AuditFile, type AuditFileOptions } from './file.js';

/** Events about the lines, for the program's log and metrics. */
export interface AuditWriterEvents {
  /** Writing, rotating or reopening the file failed. */
  failed(error: Error): void;
  /** Writing works again. */
  recovered(): void;
  /** This many lines were lost. */
  dropped(lines: number): void;
}

/** Maximum bytes that wait while the file cannot be written; further lines are dropped. */
const maxWaiting = 16 * 1024 * 1024;
/** Milliseconds before a failed write is tried again. */
const retryInterval = 1000;
/** Milliseconds before a write to a full pipe is tried again. A full pipe is not a failure. */
const busyInterval = 10;
/** Milliseconds that the reader of a full pipe has to make room when the program ends. */
const maxBusyAtEnd = 2000;

/** Writes lines to a file in the background. While the file cannot be written, it keeps a bounded number of bytes. */
export class AuditWriter {
  readonly #file: AuditFile;
  readonly #events: AuditWriterEvents;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isFailing = false;
  #working: Promise<void> | undefined;
  #wake = new AbortController();
  /** When closing must end, in milliseconds since 1970; undefined until `close` is called. */
  #closeBy: number | undefined;

  private constructor(file: AuditFile, events: AuditWriterEvents) {
    this.#file = file;
    this.#events = events;
  }

  /** Rejects with the system's error if the file cannot be opened. */
  static async open(options: AuditFileOptions, events: AuditWriterEvents): Promise<AuditWriter> {
    return new AuditWriter(await AuditFile.open(options, error => events.failed(error)), events);
  }

  /** Takes whole lines, each with its line break, in their order; never fails and never waits. */
  write(lines: string): void {
    const chunk = Buffer.from(lines);
    if (this.#closeBy !== undefined || this.#waitingBytes + chunk.length > maxWaiting) {
      this.#events.dropped(countLines(chunk));
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#work();
  }

  /** Call this after the file was renamed: further lines go to a file that is opened by its path again. */
  reopen(): void {
    this.#file.reopen();
    this.#waiting.push(Buffer.alloc(0));
    this.#wake.abort();
    this.#work();
  }

  /** Writes the lines that wait, tries once more if that fails, and closes the file. */
  async close(): Promise<void> {
    this.#closeBy = performance.now() + maxBusyAtEnd;
    this.#wake.abort();
    this.#work();
    await this.#working;
    const lost = this.#waiting.reduce((lines, chunk) => lines + countLines(chunk), 0);
    if (lost > 0) this.#events.dropped(lost);
    await this.#file.close();
  }

  #work(): void {
    this.#working ??= this.#writeAll().finally(() => {
      this.#working = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    for (let chunk = this.#waiting[0]; chunk !== undefined; chunk = this.#waiting[0]) {
      const closeBy = this.#closeBy;
      const { bytes, error } = await this.#file.append(chunk);
      this.#waitingBytes -= bytes;
      if (bytes === chunk.length) this.#waiting.shift();
      else this.#waiting[0] = chunk.subarray(bytes);
      const isBusy = error?.code === 'EAGAIN';
      this.#report(isBusy ? undefined : error);
      if (error === undefined) continue;
      if (closeBy !== undefined && (!isBusy || performance.now() > closeBy)) return;
      await this.#pause(isBusy ? busyInterval : retryInterval);
    }
  }

  #report(error: Error | undefined): void {
    if (error !== undefined) this.#events.failed(error);
    else if (this.#isFailing) this.#events.recovered();
    this.#isFailing = error !== undefined;
  }

  async #pause(milliseconds: number): Promise<void> {
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
    await delay(milliseconds, undefined, { signal: this.#wake.signal, ref: false }).catch(() => {});
  }
}

function countLines(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf('\n'); at !== -1; at = chunk.indexOf('\n', at + 1)) count += 1;
  return count;
}
