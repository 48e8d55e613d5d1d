import { createHash } from 'node:crypto';
import { readRegular } from './read-file.js';

/** A running watch on the content of files. */
export interface FileWatch {
  /**
   * Reads the files in the state that they have now, or later. If `onChange` is called, resolves when it has settled. Calls that come while
   * files are being read share the reading after that.
   */
  poll(): Promise<void>;
  close(): void;
}

/** Which files are watched, how often, and what runs when the content of one of them changes. */
export interface FileWatchOptions {
  /** Called before every reading: a changed file can name others. */
  readonly files: () => readonly string[];
  /** Milliseconds between readings, 4,000 by default. A change is in use within twice that time. */
  readonly interval?: number | undefined;
  readonly onChange: () => Promise<void>;
}

/**
 * Watches files by reading them at intervals. This works on every file system, and for atomic renames, changed symlinks (as in Kubernetes'
 * volumes) and in-place writes. The files are few and small.
 */
export async function watchFiles({
  files,
  interval = 4_000,
  onChange,
}: FileWatchOptions): Promise<FileWatch> {
  // All watches of one file share a reading that is not older than a quarter of the interval.
  const shared = (file: string) => {
    const reading = recent.get(file);
    const isFresh = reading !== undefined && performance.now() - reading.at < interval / 4;
    return isFresh ? reading.fingerprint : readFingerprint(file);
  };
  let seen = await fingerprints(files(), readFingerprint);
  let polling: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const once = async (fingerprint: Fingerprint) => {
    const now = await fingerprints(files(), fingerprint);
    if (isSame(seen, now)) return;
    await onChange();
    // Other files may have to be watched now. A file that changed during `onChange` still differs at the next reading.
    const after = await fingerprints(files(), readFingerprint);
    seen = new Map([...after].map(([file, hash]) => [file, now.get(file) ?? hash]));
  };
  const start = (fingerprint: Fingerprint) => {
    polling = once(fingerprint).finally(() => {
      polling = undefined;
    });
    return polling;
  };
  const afterwards = async (reading: Promise<void>) => {
    await reading.catch(() => {});
    next = undefined;
    await start(readFingerprint);
  };
  const timer = setInterval(() => {
    if (polling === undefined && next === undefined) void start(shared);
  }, interval).unref();
  return {
    poll() {
      if (polling === undefined && next === undefined) return start(readFingerprint);
      // The reading under way may have read a file before it changed.
      next ??= afterwards(polling as Promise<void>);
      return next;
    },
    close() {
      clearInterval(timer);
      for (const file of files()) recent.delete(file);
    },
  };
}

type Fingerprint = (file: string) => Promise<string>;
type Fingerprints = ReadonlyMap<string, string>;

/** Recent fingerprints. They are shared because every context of a kubeconfig watches the same file. */
const recent = new Map<string, { readonly fingerprint: Promise<string>; readonly at: number }>();

function readFingerprint(file: string): Promise<string> {
  const fingerprint = readRegular(file).then(
    content => createHash('sha256').update(content).digest('base64'),
    (error: NodeJS.ErrnoException) => `unreadable: ${error.code}`,
  );
  recent.set(file, { fingerprint, at: performance.now() });
  return fingerprint;
}

async function fingerprints(files: readonly string[], fingerprint: Fingerprint): Promise<Fingerprints> {
  const entries = files.map(async (file): Promise<[string, string]> => [file, await fingerprint(file)]);
  return new Map(await Promise.all(entries));
}

function isSame(one: Fingerprints, other: Fingerprints): boolean {
  return one.size === other.size && [...one].every(([file, hash]) => other.get(file) === hash);
}
