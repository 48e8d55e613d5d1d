import { createHash } from 'node:crypto';
import { oneAtATime } from './promises.js';
import { type ReadFile, readAny, readRegular } from './read-file.js';

/** A version of files that cannot be used, with the reasons. */
interface Unusable<P> {
  readonly problems: readonly P[];
}

/** How files are followed. `T` is what is made of them, `P` a problem. */
export interface FollowOptions<T, P = string> {
  /**
   * Makes something of files, at the start and after each change. It reads them with the function that it gets: a file that it reads, or that
   * is missing, is followed from then on.
   */
  load(read: ReadFile, before: T | undefined): Promise<T | Unusable<P>>;
  /** Whether something else than the files has changed since `load` was called, so that it has to be called again. */
  isStale?(): boolean;
  /** Called with each later version, whether it can be used or not, and with the one that was in use. */
  onChange(result: T | Unusable<P>, before: T): void;
  /** Milliseconds between two looks at the files, 4,000 by default. A change is in use within twice that time. */
  readonly interval?: number | undefined;
}

/** Files that are followed. */
export interface Followed<T> {
  /** What was made of the last version that could be used. */
  readonly current: T;
  /**
   * Looks at the files in the state that they have now, or later. If one has changed, resolves when the change is in use. Calls that come
   * during a look share the one after it.
   */
  poll(): Promise<void>;
  close(): void;
}

/**
 * Reads files and follows their changes, by reading them at intervals. This works on every file system, and for atomic renames, changed
 * symlinks (as in Kubernetes' volumes) and in-place writes. The files are few and small. Each look is compared with what `load` has read
 * itself, so no change is missed in between. If a version cannot be used, the last one stays in use; if the first one cannot, its problems
 * are returned. Rejects if the first `load` does.
 */
export async function follow<T extends object, P = string>({
  load,
  isStale = () => false,
  onChange,
  interval = 4_000,
}: FollowOptions<T, P>): Promise<Followed<T> | Unusable<P>> {
  let seen: ReadonlyMap<string, string> = new Map();
  const loadNow = async (before?: T) => {
    const readings = new Map<string, Promise<Reading>>();
    const fingerprints = new Map<string, string>();
    const result = await load(async file => {
      // A certificate and its key may be in one file: both are of the same version.
      const reading = readings.get(file) ?? readOnce(file);
      readings.set(file, reading);
      const { fingerprint, content } = await reading;
      fingerprints.set(file, fingerprint);
      return content();
    }, before);
    seen = fingerprints;
    return result;
  };
  const first = await loadNow();
  if ('problems' in first) return first;
  let current: T = first;
  // A look under way may have read a file before it changed.
  const poll = oneAtATime(async () => {
    const looks = [...seen].map(async ([file, fingerprint]) => (await look(file)) === fingerprint);
    if (!(await Promise.all(looks)).includes(false) && !isStale()) return;
    const before = current;
    const result = await loadNow(before);
    if (!('problems' in result)) current = result;
    onChange(result, before);
  });
  const timer = setInterval(() => void poll(), interval).unref();
  return {
    get current() {
      return current;
    },
    poll,
    close: () => clearInterval(timer),
  };
}

/** A file as it was read, and what a later look has to find for it to be unchanged. */
interface Reading {
  readonly fingerprint: string;
  /** Throws the error of the reading. */
  content(): Buffer;
}

async function readOnce(file: string): Promise<Reading> {
  try {
    const { content, isRegular } = await readAny(file);
    return { fingerprint: isRegular ? digestOf(content) : irregular, content: () => content };
  } catch (error) {
    return {
      fingerprint: whyUnreadable(error),
      content() {
        throw error;
      },
    };
  }
}

/** The fingerprint of what a look finds. */
function look(file: string): Promise<string> {
  return readRegular(file).then(digestOf, whyUnreadable);
}

/** A pipe or a folder: it is not read again, because a pipe delivers its content once. */
const irregular = 'irregular';

function digestOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('base64');
}

function whyUnreadable(error: unknown): string {
  const { code = irregular } = error as NodeJS.ErrnoException;
  return code === 'EISDIR' || code === 'ENODATA' ? irregular : code;
}
