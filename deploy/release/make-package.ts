import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { billOfMaterials } from './bill-of-materials.js';

// Makes build/package/, the folder that is packed and that the image contains. Nothing else of the checkout changes.
const folder = 'build/package';

/** The fields of package.json that a user of the command needs. Its dependencies are in the bundle. */
const { name, version, description, keywords, license, type, bin, engines } = JSON.parse(
  readFileSync('package.json', 'utf8'),
) as Readonly<Record<string, unknown>>;
const manifest = { name, version, description, keywords, license, type, bin, engines };

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const path of ['LICENSE', 'dist']) cpSync(path, `${folder}/${path}`, { recursive: true });
writeFileSync(`${folder}/README.md`, packedReadme(readFileSync('README.md', 'utf8')));
writeJson('package.json', manifest);
writeJson('dist/sbom.cdx.json', billOfMaterials());

/** The README without links to files that are not in the package, but with their names, and without pictures. */
function packedReadme(text: string): string {
  return text
    .replace(/^!\[.*\n\n/gm, '')
    .replace(/\[([^\]]*)\]\((?!https:|#|LICENSE\))([^)#]*)[^)]*\)/g, (_, words: string, file: string) =>
      words === file ? file : `${words} (${file})`,
    )
    .replace(
      /^# .*\n/,
      heading => `${heading}\nThe files that this text names are in the project's repository.\n`,
    );
}

function writeJson(file: string, value: object): void {
  writeFileSync(`${folder}/${file}`, `${JSON.stringify(value, null, 2)}\n`);
}
