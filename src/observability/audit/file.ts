import { close, fstat, ftruncate, open, rename, write } from 'node:fs';
import { promisify } from 'node:util';
import { backupName, deleteOldBackups } from './backups.js';

const openFile = promisify(open);
const closeFile = promisify(close);
const statFile = promisify(fstat);
const truncateFile = promisify(ftruncate);
const renameFile = promisify(rename);
const writeFile = promisify(write);

/** The path of the file, and its limits. */
export interface AuditFileOptions {
  /** `-` is standard output, which is never rotated or reopened. */
  readonly path: string;
  /** Maximum size of a file in bytes, after which another file begins; 0 for no limit. */
  readonly maxSize: number;
  /** How many full files are kept; 0 keeps all. */
  readonly maxBackups: number;
}

/** How many bytes of some lines are in the file, and the error that stopped the write. */
export interface Appended {
  readonly bytes: number;
  readonly error: NodeJS.ErrnoException | undefined;
}

/** Milliseconds before a failed rotation or reopening is tried again. */
const retryInterval = 1000;
const lineBreak = 0x0a;

/**
 * Appends lines to a file; one call must end before the next one begins. A full disk leaves no part of a line behind, and no line begins
 * in one file and ends in the next. Only its owner can read a file that this class creates.
 */
export class AuditFile {
  readonly #options: AuditFileOptions;
  /** A rotation or reopening failed; it will be tried again. */
  readonly #onFailure: (error: Error) => void;
  #fd: number;
  /** Whether the file can be renamed and truncated, which a device or a pipe cannot. */
  #isRegular = false;
  #size = 0;
  /** Whether the next bytes continue the last line of the file. */
  #isMidLine = false;
  #wantsReopen = false;
  /** The file is not rotated or reopened before this time. */
  #changeAt = 0;
  #lastBackup = 0;

  private constructor(fd: number, options: AuditFileOptions, onFailure: (error: Error) => void) {
    this.#fd = fd;
    this.#options = options;
    this.#onFailure = onFailure;
  }

  /** Opens the file, or creates it. Rejects with the system's error. */
  static async open(options: AuditFileOptions, onFailure: (error: Error) => void): Promise<AuditFile> {
    const file = new AuditFile(
      options.path === '-' ? 1 : await openToAppend(options.path),
      options,
      onFailure,
    );
    await file.#readStats();
    return file;
  }

  /** Call this after the file was renamed: before the next lines are written, the file is opened again by its path. */
  reopen(): void {
    this.#wantsReopen = this.#options.path !== '-';
    this.#changeAt = 0;
  }

  /** Appends whole lines, or the rest of those that the last call could not finish. Never rejects. */
  async append(lines: Buffer): Promise<Appended> {
    if (this.#mayChange && (this.#wantsReopen || this.#isFull(lines.length)))
      await this.#change(lines.length);
    let written = 0;
    try {
      while (written < lines.length) {
        const { bytesWritten } = await writeFile(this.#fd, lines, written, lines.length - written);
        written += bytesWritten;
      }
    } catch (error) {
      return { bytes: await this.#keepWholeLines(lines, written), error: error as NodeJS.ErrnoException };
    }
    this.#size += written;
    this.#isMidLine = false;
    return { bytes: written, error: undefined };
  }

  async close(): Promise<void> {
    if (this.#options.path !== '-') await closeFile(this.#fd).catch(() => {});
  }

  /** Removes the part of a line that a failed write has left. Returns how many bytes remain. */
  async #keepWholeLines(lines: Buffer, written: number): Promise<number> {
    if (written === 0) return 0;
    const whole = lines.lastIndexOf(lineBreak, written - 1) + 1;
    const isCut = whole < written && this.#isRegular && (await this.#cut(written, whole));
    const kept = isCut ? whole : written;
    if (kept > 0) this.#isMidLine = kept > whole;
    this.#size += kept;
    return kept;
  }

  /** Truncates the file, unless another program has written to it too. */
  async #cut(written: number, whole: number): Promise<boolean> {
    try {
      if ((await statFile(this.#fd)).size !== this.#size + written) return false;
      await truncateFile(this.#fd, this.#size + whole);
      return true;
    } catch {
      return false;
    }
  }

  get #mayChange(): boolean {
    return !this.#isMidLine && performance.now() >= this.#changeAt;
  }

  #isFull(more: number): boolean {
    const { maxSize } = this.#options;
    return maxSize > 0 && this.#isRegular && this.#size > 0 && this.#size + more > maxSize;
  }

  /** Changes to another file. If that fails, lines are still written to the old file, so that none is lost. */
  async #change(more: number): Promise<void> {
    try {
      if (!this.#wantsReopen) await this.#rotate(more);
      else {
        await this.#reopenFile();
        this.#wantsReopen = false;
      }
    } catch (error) {
      this.#changeAt = performance.now() + retryInterval;
      this.#onFailure(error as Error);
    }
  }

  async #rotate(more: number): Promise<void> {
    const { path, maxBackups } = this.#options;
    // Another program may have truncated the file in the meantime.
    await this.#readStats();
    if (!this.#isFull(more)) return;
    const time = Math.max(Date.now(), this.#lastBackup + 1);
    await renameFile(path, backupName(path, new Date(time))).catch(ignoreMissing);
    this.#lastBackup = time;
    await this.#reopenFile();
    if (maxBackups > 0) await deleteOldBackups(path, maxBackups);
  }

  async #reopenFile(): Promise<void> {
    const before = this.#fd;
    this.#fd = await openToAppend(this.#options.path);
    await closeFile(before).catch(() => {});
    await this.#readStats();
  }

  async #readStats(): Promise<void> {
    const stats = await statFile(this.#fd);
    this.#isRegular = stats.isFile() && this.#options.path !== '-';
    this.#size = stats.size;
  }
}

function openToAppend(path: string): Promise<number> {
  return openFile(path, 'a', 0o600);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
