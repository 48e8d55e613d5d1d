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

/** Replaces a file in one step with a regular file that has this content. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const other = freshPath();
  await writeFile(other, content, { mode: 0o600 });
  await rename(other, path);
}
