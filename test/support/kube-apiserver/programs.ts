import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The paths of the two programs. */
export interface Programs {
  readonly etcd: string;
  readonly apiServer: string;
}

/** Why there is no API server for the tests; one line. */
export const missingPrograms =
  'there is no etcd and kube-apiserver in KUBEBUILDER_ASSETS or PATH (CONTRIBUTING.md says how to get them)';

/** Whether the tests must not be skipped without an API server. */
export const areRequired = process.env['REQUIRE_APISERVER'] === '1';

/** etcd and kube-apiserver in the folder that KUBEBUILDER_ASSETS names, as in Kubernetes' envtest, or else in PATH; undefined without both. */
export function findPrograms(env: NodeJS.ProcessEnv = process.env): Programs | undefined {
  const assets = env['KUBEBUILDER_ASSETS'];
  const folders = assets ? [assets] : (env['PATH'] ?? '').split(delimiter);
  const find = (name: string) => folders.map(folder => join(folder, name)).find(isExecutable);
  const etcd = find('etcd');
  const apiServer = find('kube-apiserver');
  return etcd === undefined || apiServer === undefined ? undefined : { etcd, apiServer };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
