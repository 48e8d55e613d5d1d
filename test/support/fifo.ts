import { execFileSync } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { freshPath } from './replaced-file.js';

/** Makes a FIFO with a new name. */
export function makeFifo(): string {
  const path = freshPath();
  execFileSync('mkfifo', [path]);
  return path;
}

/** Replaces a file in one step with a FIFO. */
export function replaceWithFifo(path: string): Promise<void> {
  return rename(makeFifo(), path);
}
