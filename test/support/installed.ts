import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The folders of PATH. */
export const searchPath = () => (process.env['PATH'] ?? '').split(delimiter);

/** The path of a program in the first of these folders that has it. */
export function findProgram(program: string, folders: readonly string[] = searchPath()): string | undefined {
  return folders
    .map(folder => join(folder, program))
    .find(path => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Whether a program is in PATH. To start it for that would take longer than many a test. */
export function isInstalled(program: string): boolean {
  return findProgram(program) !== undefined;
}
