import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { temporaryFolder } from '../temporary-folder.js';

/** The content of a generated kubeconfig: one cluster, one user and one context, all with the same name. */
export interface KubeconfigContents {
  /** `test` by default. */
  readonly name?: string;
  readonly server: string;
  /** PEM of the authorities that may sign the server's certificate. */
  readonly ca?: string;
  /** PEM of the client certificate and its key. */
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  /** More fields of the cluster and user entries; they take precedence over the ones above. */
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
}

/** The form of the kubeconfig: PEM inline (`*-data`, the default) or in files next to it. */
export interface KubeconfigForm {
  readonly credentials?: 'inline' | 'files';
  /** An existing folder to write into; by default a new temporary one. */
  readonly directory?: string;
}

/** A kubeconfig that was written. */
export interface KubeconfigFile {
  readonly path: string;
  readonly directory: string;
}

/**
 * Writes a kubeconfig like `kubectl config`. With `credentials: 'files'` the PEM goes to ca.crt, client.crt and
 * client.key in the same folder, which the kubeconfig names by relative paths.
 */
export async function writeKubeconfig(
  contents: KubeconfigContents,
  form: KubeconfigForm = {},
): Promise<KubeconfigFile> {
  const directory = form.directory ?? temporaryFolder();
  const pem = async (field: string, file: string, value: string | undefined) => {
    if (value === undefined) return {};
    if (form.credentials !== 'files') return { [`${field}-data`]: Buffer.from(value).toString('base64') };
    await writeFile(join(directory, file), value, { mode: 0o600 });
    return { [field]: file };
  };
  const cluster = {
    server: contents.server,
    ...(await pem('certificate-authority', 'ca.crt', contents.ca)),
    ...contents.cluster,
  };
  const user = {
    ...(await pem('client-certificate', 'client.crt', contents.certificate)),
    ...(await pem('client-key', 'client.key', contents.key)),
    ...(contents.token === undefined ? {} : { token: contents.token }),
    ...(contents.username === undefined ? {} : { username: contents.username }),
    ...(contents.password === undefined ? {} : { password: contents.password }),
    ...contents.user,
  };
  const { name = 'test' } = contents;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  const path = join(directory, 'config.yaml');
  await writeFile(path, stringify(config), { mode: 0o600 });
  return { path, directory };
}
