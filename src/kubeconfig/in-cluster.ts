import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseServerAddress } from './server-address.js';
import type { ClientConfig } from './types.js';

/** Where a Pod's service account is mounted. */
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The configuration of a process that runs in a Pod, as client-go's `rest.InClusterConfig`: the API server that
 * KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name, and token and authority of the service account's mount.
 * Undefined outside of a Pod. Unlike client-go it never trusts the well-known authorities when ca.crt is missing.
 */
export function inClusterConfig({
  env,
  directory = serviceAccount,
}: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly directory?: string;
}): ClientConfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = env;
  const tokenFile = join(directory, 'token');
  if (host === '' || port === '' || !existsSync(tokenFile)) return undefined;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const parsed = parseServerAddress(`https://${authority}`, 'KUBERNETES_SERVICE_HOST');
  if ('problem' in parsed) return undefined;
  return {
    server: parsed.address,
    certificateAuthority: { file: join(directory, 'ca.crt') },
    insecureSkipTlsVerify: false,
    tokenFile,
  };
}
