import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of a volume, by their names. */
export type VolumeFiles = Readonly<Record<string, string>>;

/** A folder as Kubernetes mounts it: names point into `..data`, a symbolic link that is replaced, with all files, in one step. */
export function createVolume(directory: string): (files: VolumeFiles) => Promise<void> {
  let version = 0;
  return async files => {
    version += 1;
    const data = `..version-${version}`;
    await mkdir(join(directory, data), { recursive: true });
    for (const [name, content] of Object.entries(files))
      await writeFile(join(directory, data, name), content);
    await symlink(data, join(directory, '..data_tmp'));
    await rename(join(directory, '..data_tmp'), join(directory, '..data'));
    if (version > 1) return;
    for (const name of Object.keys(files)) await symlink(`..data/${name}`, join(directory, name));
  };
}
