import { createHash } from 'node:crypto';
import { readRegular } from './read-file.js';

/** A watch on the content of files. */
export interface FileWatch {
  /** Looks now; `onChange` has been called and has settled before it resolves. Looks at the same time share one. */
  look(): Promise<void>;
  close(): void;
}

/** What files are watched, and what happens when the content of one of them changes. */
export interface FileWatchOptions {
  /** Asked before every look: a changed file can name others. */
  readonly files: () => readonly string[];
  /** Milliseconds between looks. */
  readonly interval: number;
  readonly onChange: () => Promise<void>;
}

/**
 * Watches content by reading it: it sees atomic renames, symlink swaps such as Kubernetes' volumes make, and in-place writes alike,
 * on every file system. The files are small, and they are few.
 */
export async function watchFiles({ files, interval, onChange }: FileWatchOptions): Promise<FileWatch> {
  let seen = await fingerprints(files());
  let looking: Promise<void> | undefined;
  const once = async () => {
    const now = await fingerprints(files());
    if (isSame(seen, now)) return;
    await onChange();
    // There may be other files to watch now. One that changed while it was read still differs at the next look.
    seen = new Map([...(await fingerprints(files()))].map(([file, hash]) => [file, now.get(file) ?? hash]));
  };
  const look = () => {
    looking ??= once().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const timer = setInterval(() => void look(), interval).unref();
  return { look, close: () => clearInterval(timer) };
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
