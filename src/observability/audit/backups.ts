import { readdir, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

/** The name of a full log file, in the form of lumberjack, the library of the API server: `audit-2026-10-15T18-04-05.123.log`, in UTC. */
export function backupName(path: string, time: Date): string {
  const { prefix, extension } = partsOf(path);
  const timestamp = time.toISOString().slice(0, -1).replaceAll(':', '-');
  return join(dirname(path), `${prefix}${timestamp}${extension}`);
}

/** Deletes the oldest backups of a log, so that `keep` are left. */
export async function deleteOldBackups(path: string, keep: number): Promise<void> {
  const { prefix, extension } = partsOf(path);
  const folder = dirname(path);
  const backups = (await readdir(folder)).filter(
    name =>
      name.startsWith(prefix) &&
      name.endsWith(extension) &&
      /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/.test(
        name.slice(prefix.length, name.length - extension.length),
      ),
  );
  for (const name of backups.sort().slice(0, Math.max(0, backups.length - keep))) {
    await unlink(join(folder, name));
  }
}

function partsOf(path: string): { readonly prefix: string; readonly extension: string } {
  const extension = extname(path);
  return { prefix: `${basename(path, extension)}-`, extension };
}
