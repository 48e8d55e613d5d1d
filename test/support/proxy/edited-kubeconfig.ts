import { readFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { replaceFile } from '../replaced-file.js';

/** Fields to set in a kubeconfig's first cluster and user; undefined removes a field. */
export interface KubeconfigEdit {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
}

/** Changes a kubeconfig, and writes it in one step. */
export async function editKubeconfig(path: string, { cluster, user }: KubeconfigEdit): Promise<void> {
  const content = parse(await readFile(path, 'utf8'));
  Object.assign(content.clusters[0].cluster, cluster);
  Object.assign(content.users[0].user, user);
  await replaceFile(path, stringify(JSON.parse(JSON.stringify(content))));
}
