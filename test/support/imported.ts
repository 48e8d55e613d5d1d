import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/**
 * What a file of TypeScript imports, and what the files below these folders import that it reaches: paths of files from the project's folder,
 * where the program has to run, and names of packages.
 */
export function importedBy(
  file: string,
  folders: readonly string[],
  found = new Set<string>(),
): ReadonlySet<string> {
  if (!folders.some(folder => file.startsWith(folder)) || !existsSync(file)) return found;
  for (const [, name = '', late = ''] of readFileSync(file, 'utf8').matchAll(
    /\bfrom '([^']+)'|\bimport\('([^']+)'\)/g,
  )) {
    const path = name || late;
    const imported = path.startsWith('.')
      ? normalize(join(dirname(file), path.replace(/\.js$/, '.ts')))
      : path;
    if (found.has(imported)) continue;
    found.add(imported);
    importedBy(imported, folders, found);
  }
  return found;
}
