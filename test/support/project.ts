import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder with package.json. Tests run from test/ by tsx, or compiled from build/test/. */
const root = findRoot(new URL('.', import.meta.url));

/** Whether this file runs as TypeScript, by tsx. */
const byTsx = import.meta.url.endsWith('.ts');

/** The built program. */
export const program = projectFile('dist/main.js');

/** The path of a file of the project, by its path below the folder with package.json. */
export function projectFile(path: string): string {
  return fileURLToPath(new URL(path, root));
}

/** The project's package.json. */
export const packageJson = JSON.parse(readFileSync(projectFile('package.json'), 'utf8')) as Readonly<
  Record<'name' | 'description' | 'version' | 'license', string>
> & { readonly scripts: Readonly<Record<string, string>> };

/** Node's arguments that run a script of test/, by its path below that folder and without its extension. */
export function scriptArguments(script: string): string[] {
  return byTsx
    ? ['--import', 'tsx', projectFile(`test/${script}.ts`)]
    : [projectFile(`build/test/${script}.js`)];
}

function findRoot(folder: URL): URL {
  return existsSync(new URL('package.json', folder)) ? folder : findRoot(new URL('..', folder));
}
