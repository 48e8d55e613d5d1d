import { close, fstat, ftruncate, open, rename, write } from 'node:fs';
import { promisify } from 'node:util';
import { backupName, deleteOldBackups } from './backups.js';

const openFile = promisify(open);
const closeFile = promisify(close);
const statFile = promisify(fstat);
const truncateFile = promisify(ftruncate);
const renameFile = promisify(rename);
const writeFile = promisify(write);

/** Which file, and when it is full. */
export interface AuditFileOptions {
  /** `-` is standard output, which is neither rotated nor opened again. */
  readonly path: string;
  /** Bytes that a file has at most before another one is begun; 0 is no limit. */
  readonly maxSize: number;
  /** Full files that are kept; 0 keeps all. */
  readonly maxBackups: number;
}

/** How much of some lines is in the file, and why it is not all. */
export interface Appended {
  readonly bytes: number;
  readonly error: NodeJS.ErrnoException | undefined;
}

/** Milliseconds until a rotation or an opening that failed is tried again. */
const retryInterval = 1000;
const lineBreak = 0x0a;

/**
 * A file that lines are appended to, one call after the other: a full disk leaves no part of a line behind, and no line begins in one
 * file and ends in the next. Nobody but its owner can read a file that is made here.
 */
export class AuditFile {
  readonly #options: AuditFileOptions;
  /** A rotation or an opening failed, which is tried again. */
  readonly #onFailure: (error: Error) => void;
  #fd: number;
  /** Whether it is a file that can be renamed and cut, and not a device or a pipe. */
  #isRegular = false;
  #size = 0;
  /** Whether the last line in the file goes on in what is appended next. */
  #isMidLine = false;
  #wantsReopen = false;
  /** Neither rotated nor opened again before this time. */
  #changeAt = 0;
  #lastBackup = 0;

  private constructor(fd: number, options: AuditFileOptions, onFailure: (error: Error) => void) {
    this.#fd = fd;
    this.#options = options;
    this.#onFailure = onFailure;
  }

  /** Opens the file, or makes it. Rejects with what the system says. */
  static async open(options: AuditFileOptions, onFailure: (error: Error) => void): Promise<AuditFile> {
    const file = new AuditFile(
      options.path === '-' ? 1 : await openToAppend(options.path),
      options,
      onFailure,
    );
    await file.#look();
    return file;
  }

  /** With the next lines, goes on in the file that has the name then, for somebody has moved this one away. */
  reopen(): void {
    this.#wantsReopen = this.#options.path !== '-';
    this.#changeAt = 0;
  }

  /** Appends whole lines, or what a call before has left of some. Never rejects. */
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

  /** Cuts off the part of a line that a failed write has left. Gives how many bytes stay. */
  async #keepWholeLines(lines: Buffer, written: number): Promise<number> {
    if (written === 0) return 0;
    const whole = lines.lastIndexOf(lineBreak, written - 1) + 1;
    const isCut = whole < written && this.#isRegular && (await this.#cut(written, whole));
    const kept = isCut ? whole : written;
    if (kept > 0) this.#isMidLine = kept > whole;
    this.#size += kept;
    return kept;
  }

  /** In a file that somebody else writes too, the end is not ours to cut. */
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
    return !this.#isMidLine && Date.now() >= this.#changeAt;
  }

  #isFull(more: number): boolean {
    const { maxSize } = this.#options;
    return maxSize > 0 && this.#isRegular && this.#size > 0 && this.#size + more > maxSize;
  }

  /** Takes another file. Where that fails this one goes on, and grows: better than losing lines. */
  async #change(more: number): Promise<void> {
    try {
      if (!this.#wantsReopen) await this.#rotate(more);
      else {
        await this.#openAgain();
        this.#wantsReopen = false;
      }
    } catch (error) {
      this.#changeAt = Date.now() + retryInterval;
      this.#onFailure(error as Error);
    }
  }

  async #rotate(more: number): Promise<void> {
    const { path, maxBackups } = this.#options;
    // Somebody may have emptied it meanwhile.
    await this.#look();
    if (!this.#isFull(more)) return;
    const time = Math.max(Date.now(), this.#lastBackup + 1);
    await renameFile(path, backupName(path, new Date(time))).catch(ignoreMissing);
    this.#lastBackup = time;
    await this.#openAgain();
    if (maxBackups > 0) await deleteOldBackups(path, maxBackups);
  }

  async #openAgain(): Promise<void> {
    const before = this.#fd;
    this.#fd = await openToAppend(this.#options.path);
    await closeFile(before).catch(() => {});
    await this.#look();
  }

  async #look(): Promise<void> {
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
