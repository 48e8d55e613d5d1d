import { createHash } from 'node:crypto';
import { readRegular } from './read-file.js';

/** A running watch on the content of files. */
export interface FileWatch {
  /** Reads the files now. Resolves when `onChange` has settled, if it was called. Calls at the same time share one reading. */
  poll(): Promise<void>;
  close(): void;
}

/** Which files are watched, how often, and what happens when the content of one of them changes. */
export interface FileWatchOptions {
  /** Called before every reading: a changed file can name others. */
  readonly files: () => readonly string[];
  /** Milliseconds between readings. */
  readonly interval: number;
  readonly onChange: () => Promise<void>;
}

/**
 * Watches files by reading them at intervals, which works on every file system, and for atomic renames, symlinks that change (as in
 * Kubernetes' volumes) and writes in place alike. The files are few and small.
 */
export async function watchFiles({ files, interval, onChange }: FileWatchOptions): Promise<FileWatch> {
  let seen = await fingerprints(files());
  let polling: Promise<void> | undefined;
  const once = async () => {
    const now = await fingerprints(files());
    if (isSame(seen, now)) return;
    await onChange();
    // There may be other files to watch now. A file that changed during `onChange` still differs at the next reading.
    seen = new Map([...(await fingerprints(files()))].map(([file, hash]) => [file, now.get(file) ?? hash]));
  };
  const poll = () => {
    polling ??= once().finally(() => {
      polling = undefined;
    });
    return polling;
  };
  const timer = setInterval(() => void poll(), interval).unref();
  return { poll, close: () => clearInterval(timer) };
}

type Fingerprints = ReadonlyMap<string, string>;

async function fingerprints(files: readonly string[]): Promise<Fingerprints> {
  const entries = files.map(async (file): Promise<[string, string]> => {
    try {
      return [
        file,
        createHash('sha256')
          .update(await readRegular(file))
          .digest('base64'),
      ];
    } catch (error) {
      return [file, `unreadable: ${(error as NodeJS.ErrnoException).code}`];
    }
  });
  return new Map(await Promise.all(entries));
}

function isSame(one: Fingerprints, other: Fingerprints): boolean {
  return one.size === other.size && [...one].every(([file, hash]) => other.get(file) === hash);
}
