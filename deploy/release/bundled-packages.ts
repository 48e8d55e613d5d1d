import { readFileSync } from 'node:fs';

/** A package of which at least one module is in dist/. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Its folder, below that of the project. */
  readonly folder: string;
}

interface Metafile {
  readonly outputs: Readonly<Record<string, { readonly inputs: Readonly<Record<string, unknown>> }>>;
}

/** The packages in dist/, by their folders, as esbuild's metafiles of the last build name them. */
export function bundledPackages(metafiles: readonly string[]): BundledPackage[] {
  const folders = new Set<string>();
  for (const file of metafiles) {
    const { outputs } = JSON.parse(readFileSync(file, 'utf8')) as Metafile;
    for (const module of Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs))) {
      const [folder] = /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(module) ?? [];
      if (folder !== undefined) folders.add(folder);
    }
  }
  return [...folders].sort().map(folder => {
    const { name, version, license } = JSON.parse(
      readFileSync(`${folder}/package.json`, 'utf8'),
    ) as BundledPackage;
    return { name, version, license, folder };
  });
}
