import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

// Builds the page into dist/explorer: files with a hash in their names, index.html, and each of them compressed too.
const source = 'src/features/explorer/page';
const target = 'dist/explorer';

const { outputFiles, metafile } = await build({
  entryPoints: [`${source}/main.tsx`, `${source}/styles/main.css`, `${source}/icon.svg`],
  entryNames: '[name]-[hash]',
  chunkNames: 'chunk-[hash]',
  outdir: target,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['chrome111', 'firefox115', 'safari16.4'],
  minify: true,
  // The licences are in the packages.
  legalComments: 'none',
  loader: { '.svg': 'copy' },
  tsconfig: `${source}/tsconfig.json`,
  metafile: true,
  write: false,
  logLevel: 'warning',
});

/** The name of a built file for a source file. */
function builtName(entry: string): string {
  const output = Object.entries(metafile.outputs).find(
    ([name, { entryPoint, inputs }]) =>
      !name.endsWith('.map') && (entryPoint === entry || (entry.endsWith('.svg') && entry in inputs)),
  );
  if (output === undefined) throw new Error(`${entry} was not built`);
  return basename(output[0]);
}

const html = (await readFile(`${source}/index.html`, 'utf8'))
  .replace('main.js', builtName(`${source}/main.tsx`))
  .replace('main.css', builtName(`${source}/styles/main.css`))
  .replace('icon.svg', builtName(`${source}/icon.svg`));
const files = new Map([
  ['index.html', Buffer.from(html)],
  ...outputFiles.map(({ path, contents }): [string, Buffer] => [basename(path), Buffer.from(contents)]),
]);
// For the bill of materials.
await writeFile('build/metafiles/explorer.json', JSON.stringify(metafile));
await mkdir(target, { recursive: true });
for (const [name, content] of files) {
  await writeFile(join(target, name), content);
  await writeFile(join(target, `${name}.gz`), gzipSync(content, { level: 9 }));
  await writeFile(join(target, `${name}.br`), brotliCompressSync(content));
}
