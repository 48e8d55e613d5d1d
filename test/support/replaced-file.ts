import { execFileSync } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './temporary-folder.js';

let folder: string | undefined;
let made = 0;

/** The path of a file that does not exist, in a temporary folder. */
export function freshPath(): string {
  folder ??= temporaryFolder();
  return join(folder, `file-${++made}`);
}

/** Makes a FIFO with a new name. */
export function makeFifo(): string {
  const path = freshPath();
  execFileSync('mkfifo', [path]);
  return path;
}

/** Replaces a file in one step with a FIFO, or with a regular file that has this content. */
export async function replaceFile(path: string, content?: string): Promise<void> {
  const other = content === undefined ? makeFifo() : freshPath();
  if (content !== undefined) await writeFile(other, content, { mode: 0o600 });
  await rename(other, path);
}
