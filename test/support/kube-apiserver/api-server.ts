import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { CertificateAuthority, ClientCertificateOptions } from '../certificates/certificate-issuing.js';
import { eventually } from '../eventually.js';
import type { Rule } from '../fake-api-server/rbac.js';
import { freePort } from '../ports.js';
import { writeKubeconfig } from '../proxy/kubeconfig-file.js';
import { ApiClient } from './api-client.js';
import { fileNames, readAuthority } from './authority-files.js';
import type { GuardedProcess } from './guarded-process.js';
import { type ServerFolder, withFreePorts } from './server-folder.js';

/** An environment variable that says, as JSON, where the API server of the run is. */
export const locationVariable = 'TEST_API_SERVER';

/** Where an API server is, for any process. */
export interface Location {
  readonly url: string;
  /** The etcd's URL. */
  readonly etcd: string;
  /** Path of the folder of the run's authority, tokens and policy (`fileNames`). */
  readonly files: string;
  /** Path of the audit log: the events of all requests, at all stages. */
  readonly auditLog: string;
}

/** Whom a kubeconfig authenticates: a user of a client certificate (CN, O), or a token. */
export type Credential = ClientCertificateOptions | { readonly token: string };

/** A real API server that is running. */
export class ApiServer {
  readonly url: string;

  private constructor(
    readonly location: Location,
    readonly authority: CertificateAuthority,
    readonly admin: ApiClient,
    /** 34 of Kubernetes 1.34. */
    readonly minorVersion: number,
  ) {
    this.url = location.url;
  }

  static async at(location: Location): Promise<ApiServer> {
    const admin = await ApiClient.asAdmin(location.url, location.files);
    const { minor } = (await admin.do('GET', '/version')) as { readonly minor: string };
    return new ApiServer(location, await readAuthority(location.files), admin, Number.parseInt(minor, 10));
  }

  /** The path of a file of the run's authority. */
  file(name: keyof typeof fileNames): string {
    return join(this.location.files, fileNames[name]);
  }

  /** Writes a kubeconfig. Its user is in system:masters, unless the credential says otherwise. Returns its path. */
  async kubeconfig(credential: Credential = {}): Promise<string> {
    const user = 'token' in credential ? credential : await this.authority.client(credential);
    const file = await writeKubeconfig({ server: this.url, ca: this.authority.certificate, ...user });
    return file.path;
  }

  /** Makes a namespace with a new name. It stays until the run ends, because nothing deletes the content of a namespace here. */
  createNamespace(): Promise<string> {
    return createNamespace(this.admin);
  }

  /** Gives rights in all namespaces to a user, and waits until the API server knows. Returns what takes them away. */
  grant(user: string, rules: readonly Rule[]): Promise<() => Promise<void>> {
    return this.#give('ClusterRole', '', user, rules);
  }

  /** The same in one namespace. */
  bind(namespace: string, user: string, rules: readonly Rule[]): Promise<() => Promise<void>> {
    return this.#give('Role', namespace, user, rules);
  }

  async #give(kind: 'Role' | 'ClusterRole', namespace: string, user: string, rules: readonly Rule[]) {
    const metadata = { name: `test-${randomUUID()}` };
    const apiGroup = 'rbac.authorization.k8s.io';
    const path = `/apis/${apiGroup}/v1${namespace && `/namespaces/${namespace}`}/${kind.toLowerCase()}`;
    await this.admin.do('POST', `${path}s`, { metadata, rules });
    await this.admin.do('POST', `${path}bindings`, {
      metadata,
      roleRef: { apiGroup, kind, name: metadata.name },
      subjects: [{ apiGroup, kind: 'User', name: user }],
    });
    await this.#untilAllowed(user, rules, namespace);
    return async () => void (await this.admin.do('DELETE', `${path}bindings/${metadata.name}`));
  }

  /** A token of a service account, perhaps for an object or for other audiences. */
  async tokenOf(namespace: string, account: string, spec: object = {}): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const { status } = (await this.admin.do('POST', path, { spec })) as { status: { token: string } };
    return status.token;
  }

  async #untilAllowed(user: string, [rule]: readonly Rule[], namespace: string): Promise<void> {
    if (rule === undefined) return;
    const path = rule.nonResourceURLs?.[0];
    const verb = rule.verbs?.[0];
    const [group, resource, name] = [rule.apiGroups?.[0], rule.resources?.[0], rule.resourceNames?.[0]];
    const asked =
      path === undefined
        ? { resourceAttributes: { group, resource, verb, name, namespace } }
        : { nonResourceAttributes: { path, verb } };
    await eventually(`${user} has the rights`, async () => {
      const reviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      const review = (await this.admin.do('POST', reviews, { spec: { ...asked, user } })) as {
        readonly status: { readonly allowed: boolean };
      };
      return review.status.allowed;
    });
  }
}

/** Makes a namespace with a new name. */
export async function createNamespace(admin: ApiClient): Promise<string> {
  const name = `test-${randomUUID()}`;
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  await admin.do('POST', '/api/v1/namespaces', namespace);
  return name;
}

/** Options of an API server of one's own. */
export interface ApiServerOptions extends Pick<Location, 'etcd' | 'files'> {
  /** What it stores has this prefix in etcd (`/registry`). One that starts in place of another has its prefix and its port. */
  readonly prefix?: string;
  /** By default a free one. */
  readonly port?: number;
  /** Path of its authorizers, in place of those for nodes and RBAC. */
  readonly authorizers?: string;
  /** More flags. They replace those that have the same name. */
  readonly flags?: readonly string[];
}

/** Starts kube-apiserver with its audit log and its log in this folder, and waits until it is ready. */
export function startApiServerProcess(
  program: string,
  folder: ServerFolder,
  options: ApiServerOptions,
): Promise<{ readonly location: Location; readonly process: GuardedProcess }> {
  return withFreePorts(async () => {
    const { etcd, files } = options;
    const port = options.port ?? (await freePort());
    const auditLog = join(folder.path, 'audit.log');
    const location = { url: `https://127.0.0.1:${port}`, etcd, files, auditLog };
    const admin = await ApiClient.asAdmin(location.url, files);
    const isReady = async () => (await admin.ask('GET', '/readyz')).status === 200;
    const command = [program, ...flagsOf(options, port, auditLog), ...(options.flags ?? [])];
    return { location, process: await folder.start('kube-apiserver', command, isReady) };
  });
}

/** The API server's own flag for a file of tokens, to be given as another one than the run's. */
export function tokenFlag(file: string): string {
  return `--token-auth-file=${file}`;
}

function flagsOf(
  { etcd, files, prefix = '/registry', authorizers }: ApiServerOptions,
  port: number,
  auditLog: string,
): string[] {
  const file = (name: keyof typeof fileNames) => join(files, fileNames[name]);
  return [
    ...[`--etcd-servers=${etcd}`, `--etcd-prefix=${prefix}`, `--secure-port=${port}`],
    ...['--bind-address=127.0.0.1', `--tls-cert-file=${file('certificate')}`],
    ...[`--tls-private-key-file=${file('key')}`, `--client-ca-file=${file('ca')}`],
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('serviceAccountPublicKey')}`,
    `--service-account-signing-key-file=${file('serviceAccountKey')}`,
    authorizers === undefined ? '--authorization-mode=Node,RBAC' : `--authorization-config=${authorizers}`,
    ...['--service-cluster-ip-range=10.0.0.0/24', `--token-auth-file=${file('tokens')}`],
    ...['--disable-admission-plugins=ServiceAccount', '--allow-privileged=true'],
    `--kubelet-client-certificate=${file('kubeletCertificate')}`,
    ...[`--kubelet-client-key=${file('kubeletKey')}`, `--kubelet-certificate-authority=${file('ca')}`],
    ...['--kubelet-preferred-address-types=InternalIP', `--audit-policy-file=${file('auditPolicy')}`],
    `--audit-log-path=${auditLog}`,
    // In MB; by default the log is rotated at 100.
    '--audit-log-maxsize=100000',
  ];
}
