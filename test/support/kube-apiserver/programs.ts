import { findProgram, searchPath } from '../installed.js';

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
export function findPrograms(): Programs | undefined {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  const folders = assets ? [assets] : searchPath();
  const etcd = findProgram('etcd', folders);
  const apiServer = findProgram('kube-apiserver', folders);
  return etcd === undefined || apiServer === undefined ? undefined : { etcd, apiServer };
}
