import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { helm } from '../../../support/documents/helm.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { projectFile } from '../../../support/project.js';
import { type ProxyProcess, startProxy } from '../../../support/proxy/proxy.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

/** The chart's folder. */
export const chart = projectFile('deploy/helm/kube-api-proxy');
/** The name of the objects of a release `gw`. */
export const account = 'gw-kube-api-proxy';

type Data = Readonly<Record<string, string>>;

/** A release of the chart in a namespace of its own. Its commands run in its folder, as the cluster's administrator. */
export class Release {
  readonly namespace: string;
  readonly folder: string;
  readonly #server: ApiServer;
  readonly #kubeconfig: string;

  private constructor(server: ApiServer, namespace: string, folder: string, kubeconfig: string) {
    this.namespace = namespace;
    this.folder = folder;
    this.#server = server;
    this.#kubeconfig = kubeconfig;
  }

  static async prepare(server: ApiServer): Promise<Release> {
    const folder = temporaryFolder();
    return new Release(server, await server.createNamespace(), folder, await server.kubeconfig());
  }

  /** Runs helm, and returns its notes. */
  helm(...args: readonly string[]): string {
    const { code, stdout, stderr } = helm([
      ...args,
      ...[`--namespace=${this.namespace}`, `--kubeconfig=${this.#kubeconfig}`],
    ]);
    assert.equal(code, 0, stderr);
    return stdout.slice(stdout.indexOf('NOTES:'));
  }

  /** Runs a command of the notes. Rejects with its output if it fails. */
  async run(command: string, path = ''): Promise<string> {
    const PATH = `${path}:${process.env['PATH'] ?? ''}`;
    const env = { PATH, HOME: this.folder, KUBECONFIG: this.#kubeconfig };
    return (await promisify(execFile)('sh', ['-ec', command], { cwd: this.folder, env })).stdout;
  }

  async #get<T>(path: string): Promise<T> {
    return (await this.#server.admin.do('GET', path)) as T;
  }

  async certificate(): Promise<Data> {
    const { data } = await this.#get<{ data: Data }>(
      `/api/v1/namespaces/${this.namespace}/secrets/${account}-tls`,
    );
    return data;
  }

  /** The token of the release's service account. */
  token(): Promise<string> {
    return this.#server.tokenOf(this.namespace, account);
  }

  /** A kubeconfig with this token. */
  async identity(): Promise<string> {
    return this.#server.kubeconfig({ token: await this.token() });
  }

  /** The arguments of the container. */
  async arguments(): Promise<readonly string[]> {
    const { spec } = await this.#get<{
      spec: { template: { spec: { containers: readonly [{ readonly args: readonly string[] }] } } };
    }>(`/apis/apps/v1/namespaces/${this.namespace}/deployments/${account}`);
    return spec.template.spec.containers[0].args;
  }

  /** Starts the container's command on a free port, with the files of its volumes. */
  async start(t: TestContext): Promise<ProxyProcess> {
    const path = `/api/v1/namespaces/${this.namespace}/configmaps/${account}-authorities`;
    const { body } = await this.#server.admin.ask('GET', path);
    const { data = {} } = body as { readonly data?: Data };
    const certificate = Object.entries(await this.certificate());
    for (const [folder, files] of [
      ['tls', certificate.map(([name, value]) => [name, Buffer.from(value, 'base64').toString()])],
      ['authorities', Object.entries(data)],
    ] as const) {
      await mkdir(join(this.folder, folder));
      for (const [name = '', content = ''] of files)
        await writeFile(join(this.folder, folder, name), content);
    }
    const args = await this.arguments();
    const proxy = await startProxy([
      ...args
        .filter(arg => !/^--(?:address|port|admin-port|shutdown-delay)=/.test(arg))
        .map(arg => arg.replace('/etc/kube-api-proxy', this.folder)),
      `--kubeconfig=${await this.identity()}`,
    ]);
    t.after(() => proxy.stop('SIGKILL'));
    return proxy;
  }
}
