import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';

let all: string | undefined;

/** Makes a folder that exists until the process ends, and returns its path. Tests need not remove what is in it. */
export function temporaryFolder(): string {
  all ??= folderOfProcess();
  return mkdtempSync(all + sep);
}

function folderOfProcess(): string {
  const folder = mkdtempSync(join(tmpdir(), 'test-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
