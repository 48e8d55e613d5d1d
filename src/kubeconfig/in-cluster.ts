import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseServerAddress } from './server-address.js';
import type { Kubeconfig } from './types.js';

/** The folder where a Pod's service account is mounted. */
export const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The kubeconfig of a process in a Pod, as in client-go's `rest.InClusterConfig`. KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name
 * the API server. The token and the authority are in the service account's mount. Undefined outside of a Pod. Unlike client-go, it never
 * trusts the well-known authorities if ca.crt is missing.
 */
export function inClusterKubeconfig(
  env: Readonly<Record<string, string | undefined>>,
  directory: string,
): Kubeconfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = env;
  const tokenFile = join(directory, 'token');
  if (host === '' || port === '' || !existsSync(tokenFile)) return undefined;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  if ('problem' in parseServerAddress(server, 'KUBERNETES_SERVICE_HOST')) return undefined;
  const named = <T>(value: T) => new Map([[name, { value, file: tokenFile }]]);
  const name = 'in-cluster';
  return {
    files: [tokenFile],
    candidates: [tokenFile],
    currentContext: name,
    clusters: named({ server, 'certificate-authority': join(directory, 'ca.crt') }),
    users: named({ tokenFile }),
    contexts: named({ cluster: name, user: name }),
  };
}
