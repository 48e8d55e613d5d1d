import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/**
 * Finds the file of a command: the path itself if it has a slash, otherwise the first executable of that name in PATH. Relative folders in
 * PATH are skipped, because Go's `exec.LookPath` refuses files from there.
 */
export async function findExecutable(
  command: string,
  path: string | undefined,
): Promise<{ readonly file: string } | { readonly problem: 'not found' | 'not executable' }> {
  const candidates = command.includes('/')
    ? [command]
    : (path ?? '')
        .split(delimiter)
        .filter(isAbsolute)
        .map(folder => join(folder, command));
  let problem: 'not found' | 'not executable' = 'not found';
  for (const file of candidates) {
    try {
      if (!(await stat(file)).isFile()) continue;
      problem = 'not executable';
      await access(file, constants.X_OK);
      return { file };
    } catch {
      // The next folder may contain it.
    }
  }
  return { problem };
}
