import { posix } from 'node:path';

/** One entry of a pod's file system. */
export interface PodFile {
  readonly type: 'file' | 'directory';
  /** Permission bits. */
  readonly mode: number;
  readonly content: Buffer;
}

/** The files of a pod, in memory, by absolute path; relative paths start at the root. */
export class PodFiles {
  readonly #entries = new Map<string, PodFile>();

  constructor() {
    for (const path of ['/', '/tmp', '/etc']) this.makeDirectory(path);
    this.write('/etc/hostname', Buffer.from('pod\n'));
  }

  get(path: string): PodFile | undefined {
    return this.#entries.get(this.#resolve(path));
  }

  makeDirectory(path: string, mode = 0o755): void {
    const absolute = this.#resolve(path);
    if (absolute !== '/') this.#ensureParent(absolute);
    if (!this.#entries.has(absolute)) {
      this.#entries.set(absolute, { type: 'directory', mode, content: Buffer.alloc(0) });
    }
  }

  /** Creates or replaces a file, and its folders. */
  write(path: string, content: Buffer, mode = 0o644): void {
    const absolute = this.#resolve(path);
    this.#ensureParent(absolute);
    this.#entries.set(absolute, { type: 'file', mode, content });
  }

  /** The path itself and everything below it, parents first. */
  walk(path: string): [path: string, file: PodFile][] {
    const absolute = this.#resolve(path);
    const below = absolute === '/' ? '/' : `${absolute}/`;
    return [...this.#entries]
      .filter(([entry]) => entry === absolute || entry.startsWith(below))
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Names directly inside a folder. */
  names(path: string): string[] {
    const absolute = this.#resolve(path);
    return this.walk(path)
      .map(([entry]) => entry)
      .filter(entry => entry !== absolute && posix.dirname(entry) === absolute)
      .map(entry => posix.basename(entry));
  }

  #ensureParent(absolute: string): void {
    const parent = posix.dirname(absolute);
    if (!this.#entries.has(parent)) this.makeDirectory(parent);
  }

  #resolve(path: string): string {
    return posix.resolve('/', path);
  }
}
