import { setTimeout as delay } from 'node:timers/promises';
import { AuditFile, type AuditFileOptions } from './file.js';
import type { AuditSink } from './log.js';

/** What becomes of the lines, for log and metrics. */
export interface AuditWriterEvents {
  /** The file could not be written, rotated or opened again. */
  failed(error: Error): void;
  /** It can be written again. */
  recovered(): void;
  /** Lines that were given up. */
  dropped(lines: number): void;
}

/** Bytes that wait for a file which cannot be written; what comes then is dropped. */
const maxWaiting = 16 * 1024 * 1024;
/** Milliseconds until a failure is tried again. */
const retryInterval = 1000;
/** The same for a pipe that is full, which is no failure. */
const busyInterval = 10;
/** Milliseconds that its reader may take when the program ends. */
const maxBusyAtEnd = 2000;

/** Writes lines to a file in the background, and keeps a bounded number of them while it cannot be written. */
export class AuditWriter implements AuditSink {
  readonly #file: AuditFile;
  readonly #events: AuditWriterEvents;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isFailing = false;
  #working: Promise<void> | undefined;
  #wake = new AbortController();
  /** When closing has to be over; undefined until then. */
  #closeBy: number | undefined;

  private constructor(file: AuditFile, events: AuditWriterEvents) {
    this.#file = file;
    this.#events = events;
  }

  /** Rejects with what the system says where the file cannot be opened. */
  static async open(options: AuditFileOptions, events: AuditWriterEvents): Promise<AuditWriter> {
    return new AuditWriter(await AuditFile.open(options, error => events.failed(error)), events);
  }

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

  /** What comes from now on goes to the file that has the name now. */
  reopen(): void {
    this.#file.reopen();
    this.#waiting.push(Buffer.alloc(0));
    this.#wake.abort();
    this.#work();
  }

  /** Writes what waits, once more where it fails, and closes the file. */
  async close(): Promise<void> {
    this.#closeBy = Date.now() + maxBusyAtEnd;
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
      this.#tell(isBusy ? undefined : error);
      if (error === undefined) continue;
      if (closeBy !== undefined && (!isBusy || Date.now() > closeBy)) return;
      await this.#pause(isBusy ? busyInterval : retryInterval);
    }
  }

  #tell(error: Error | undefined): void {
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
