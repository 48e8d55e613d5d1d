import { readdirSync, readFileSync } from 'node:fs';

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

/** To this folder the bundle, and each feature that builds something, write a metafile of esbuild's. */
const metafiles = 'build/metafiles';

/** The packages in dist/, by their folders, as the metafiles of the last build name them. */
export function bundledPackages(): BundledPackage[] {
  const folders = new Set<string>();
  for (const file of readdirSync(metafiles)) {
    const { outputs } = JSON.parse(readFileSync(`${metafiles}/${file}`, 'utf8')) as Metafile;
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
