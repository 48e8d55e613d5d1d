import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectFile } from '../project.js';
import { temporaryFolder } from '../temporary-folder.js';

/** A copy of deploy/gateway with rbac-constrained.yaml in the place of rbac.yaml, as its kustomization says. Returns its path. */
export async function constrainedGateway(): Promise<string> {
  const folder = temporaryFolder();
  for (const name of ['gateway', 'image'])
    await cp(projectFile(`deploy/${name}`), join(folder, name), { recursive: true });
  const file = join(folder, 'gateway/kustomization.yaml');
  const written = await readFile(file, 'utf8');
  assert.match(written, /^ {2}# Or rbac-constrained\.yaml and --service-accounts-by-name,/m);
  await writeFile(file, written.replace('- rbac.yaml', '- rbac-constrained.yaml'));
  return join(folder, 'gateway');
}
