import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServingFiles, type ServingFiles } from '../support/certificates/serving-files.js';
import { seen, startKubectl } from '../support/clients/kubectl.js';
import { eventually, within } from '../support/eventually.js';
import type { ApiServer } from '../support/kube-apiserver/api-server.js';
import { Kubelet } from '../support/kube-apiserver/kubelet/kubelet.js';
import { type ProxyProcess, startProxy } from '../support/proxy/proxy.js';
import type { Scope } from '../support/scope.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { protocols } from './kubectl-stack.js';

const rbac = 'rbac.authorization.k8s.io';

/** A gateway with TLS in front of a real API server, whose kubelet runs the Pod `web` in a namespace of its own. */
export class StreamGateway {
  readonly proxy: ProxyProcess;
  readonly namespace: string;
  readonly files: ServingFiles;
  readonly #scope: Scope;
  readonly #server: ApiServer;
  readonly #kubelet: Kubelet;
  readonly #folder: string;

  private constructor(
    scope: Scope,
    server: ApiServer,
    parts: Pick<StreamGateway, 'proxy' | 'namespace' | 'files'> & { kubelet: Kubelet; folder: string },
  ) {
    this.#scope = scope;
    this.#server = server;
    this.#kubelet = parts.kubelet;
    this.#folder = parts.folder;
    this.proxy = parts.proxy;
    this.namespace = parts.namespace;
    this.files = parts.files;
  }

  static async start(scope: Scope, server: ApiServer, flags: readonly string[]): Promise<StreamGateway> {
    const [namespace, kubelet, kubeconfig, files] = await Promise.all([
      server.createNamespace(),
      Kubelet.start(scope, server),
      server.kubeconfig(),
      createServingFiles(),
    ]);
    await kubelet.run(namespace, 'web');
    const proxy = await startProxy([
      ...[`--kubeconfig=${kubeconfig}`, '--reject-paths=', '--log-format=json'],
      ...files.flags,
      ...flags,
    ]);
    scope.after(() => proxy.stop('SIGKILL'));
    return new StreamGateway(scope, server, { proxy, namespace, files, kubelet, folder: temporaryFolder() });
  }

  /** Lets a user do everything with Pods, and look at config maps, in the namespace. Returns what takes this right away. */
  async bind(user: string): Promise<() => Promise<void>> {
    const path = `/apis/${rbac}/v1/namespaces/${this.namespace}`;
    const metadata = { name: user };
    const resources = ['', '/attach', '/exec', '/log', '/portforward'].map(part => `pods${part}`);
    const rules = [{ apiGroups: [''], resources: [...resources, 'configmaps'], verbs: ['*'] }];
    await this.#server.admin.do('POST', `${path}/roles`, { metadata, rules });
    await this.#server.admin.do('POST', `${path}/rolebindings`, {
      metadata,
      roleRef: { apiGroup: rbac, kind: 'Role', name: user },
      subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
    });
    const attributes = { namespace: this.namespace, resource: 'configmaps', verb: 'watch' };
    await eventually(`${user} has the rights`, async () => {
      const spec = { resourceAttributes: attributes, user };
      const reviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      const review = (await this.#server.admin.do('POST', reviews, { spec })) as {
        readonly status: { readonly allowed: boolean };
      };
      return review.status.allowed;
    });
    return async () => void (await this.#server.admin.do('DELETE', `${path}/rolebindings/${user}`));
  }

  /** Starts kubectl with these arguments and this credential. It ends with the scope. */
  kubectl(
    credential: readonly string[],
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): ChildProcess {
    const { port } = this.proxy;
    const own = ['-s', `https://localhost:${port}`, `--certificate-authority=${this.#ca}`];
    const child = startKubectl([...own, '-n', this.namespace, ...credential, ...args], {
      ...{ HOME: this.#folder, KUBECONFIG: '' },
      ...env,
    });
    this.#scope.after(() => child.kill('SIGKILL'));
    return child;
  }

  get #ca(): string {
    return join(this.#folder, 'ca.crt');
  }

  /** Starts every kind of stream with kubectl, and waits until each is open. */
  async openAll(credential: readonly string[]): Promise<readonly KubectlStream[]> {
    await writeFile(this.#ca, this.files.authority.certificate);
    const open = async (
      name: string,
      args: readonly string[],
      { shows, env = {} }: { readonly shows: RegExp; readonly env?: Readonly<Record<string, string>> },
    ) => {
      const stream = new KubectlStream(name, this.kubectl(credential, args, env));
      await seen(stream.child, shows);
      return stream;
    };
    const sleeps = ['sh', '-c', 'echo started; sleep 600'];
    const upgraded = protocols.flatMap(({ name, variables: env }) => [
      open(`exec over ${name}`, ['exec', 'web', '--', ...sleeps], { shows: /started/, env }),
      open(`port-forward over ${name}`, ['port-forward', 'pod/web', ':80'], { shows: /-> 80/, env }),
    ]);
    const attached = protocols.map(async ({ name, variables: env }) => {
      const child = this.kubectl(credential, ['attach', '-i', 'web'], env);
      const stream = new KubectlStream(`attach over ${name}`, child);
      // Only what it answers shows that it is open.
      const isOpen = seen(child, /typed in/);
      child.stdin?.write('typed in\n');
      await isOpen;
      return stream;
    });
    const watch = ['get', 'pods', '-w', '-o', 'name'];
    return Promise.all([
      ...upgraded,
      ...attached,
      open('logs -f', ['logs', '-f', 'web'], { shows: /log line 4/ }),
      open('get -w', watch, { shows: /pod\/web/ }),
    ]);
  }

  log(line: string): void {
    this.#kubelet.log(this.namespace, 'web', line);
  }
}

/** One kubectl, and how it ended. */
export class KubectlStream {
  readonly name: string;
  readonly child: ChildProcess;
  code: number | undefined;
  stderr = '';
  readonly #ended: Promise<void>;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#ended = new Promise(resolve =>
      child.once('close', code => {
        this.code = code ?? -1;
        resolve();
      }),
    );
  }

  ended(): Promise<void> {
    return within(`the end of ${this.name}`, this.#ended, 60_000);
  }
}

/** Checks how each kubectl ended: a command or a log that was cut never counts as a success. */
export async function assertEnded(streams: readonly KubectlStream[], reason: RegExp): Promise<void> {
  await Promise.all(streams.map(stream => stream.ended()));
  for (const { name, code, stderr } of streams) {
    if (/^(?:exec|attach)/.test(name)) assert.match(stderr, reason, name);
    if (/^(?:exec|attach|logs)/.test(name)) assert.notEqual(code, 0, `${name}: ${stderr}`);
  }
}
