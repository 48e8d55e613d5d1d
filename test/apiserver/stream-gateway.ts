import assert from 'node:assert/strict';
import { type ChildProcess, execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createServingFiles, type ServingFiles } from '../support/certificates/serving-files.js';
import { send } from '../support/clients/http-client.js';
import { whyNoJavascript } from '../support/clients/javascript-client.js';
import { seen, startKubectl } from '../support/clients/kubectl.js';
import { eventually } from '../support/eventually.js';
import type { ApiServer } from '../support/kube-apiserver/api-server.js';
import { Kubelet } from '../support/kube-apiserver/kubelet/kubelet.js';
import { adminPort } from '../support/proxy/admin-listener.js';
import { readSamples, sumOf } from '../support/proxy/own-metric.js';
import { type ProxyProcess, startProxy } from '../support/proxy/proxy.js';
import type { Scope } from '../support/scope.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { ClientProcess, startInformer } from './client-process.js';
import { protocols } from './kubectl-stack.js';

/** How kubectl sends plain requests over TLS. */
const plainVersions = [
  { name: 'HTTP/2', env: {} },
  { name: 'HTTP/1.1', env: { DISABLE_HTTP2: '1' } },
];

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

  /** @param kubeconfig Path of that of the gateway; by default it goes to the API server itself. */
  static async start(
    scope: Scope,
    server: ApiServer,
    flags: readonly string[],
    kubeconfig?: string,
  ): Promise<StreamGateway> {
    const [namespace, kubelet, own, files] = await Promise.all([
      server.createNamespace(),
      Kubelet.start(scope, server),
      kubeconfig ?? server.kubeconfig(),
      createServingFiles(),
    ]);
    await kubelet.run(namespace, 'web');
    const proxy = await startProxy([
      ...[`--kubeconfig=${own}`, '--reject-paths=', '--log-format=json'],
      ...[...files.flags, '--admin-port=0', '--admin-address=127.0.0.1'],
      ...flags,
    ]);
    scope.after(() => proxy.stop('SIGKILL'));
    const gateway = new StreamGateway(scope, server, {
      ...{ proxy, namespace, files, kubelet },
      folder: temporaryFolder(),
    });
    await writeFile(gateway.#ca, files.authority.certificate);
    return gateway;
  }

  /** Lets a user do everything with Pods, and look at config maps, in the namespace. Returns what takes this right away. */
  async bind(user: string): Promise<() => Promise<void>> {
    const path = `/apis/${rbac}/v1/namespaces/${this.namespace}`;
    const metadata = { name: user };
    const resources = ['', '/attach', '/exec', '/log', '/portforward'].map(part => `pods${part}`);
    const rules = [{ apiGroups: [''], resources: [...resources, 'configmaps'], verbs: ['*'] }];
    // The role may be there from before.
    await this.#server.admin.ask('POST', `${path}/roles`, { metadata, rules });
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

  /** Starts every kind of stream, over HTTP/2 and HTTP/1.1 where kubectl can, and waits until each is open. */
  async openAll(credential: readonly string[]): Promise<readonly ClientProcess[]> {
    const watches = plainVersions.map(({ name, env }) => this.openWatch(credential, name, env));
    const logs = plainVersions.map(({ name, env }) =>
      this.#open(`logs -f over ${name}`, this.kubectl(credential, ['logs', '-f', 'web'], env), /log line 4/),
    );
    const sleeps = ['exec', 'web', '--', 'sh', '-c', 'echo started; sleep 600'];
    const upgraded = protocols.flatMap(({ name, variables: env }) => [
      this.#open(`exec over ${name}`, this.kubectl(credential, sleeps, env), /started/),
      this.#open(
        `port-forward over ${name}`,
        this.kubectl(credential, ['port-forward', 'pod/web', ':80'], env),
        /-> 80/,
      ),
      this.#attach(`attach over ${name}`, this.kubectl(credential, ['attach', '-i', 'web'], env)),
      this.#copy(`cp over ${name}`, credential, env),
    ]);
    const informers = whyNoJavascript() === undefined ? [this.#inform(credential)] : [];
    return Promise.all([...watches, ...logs, ...upgraded, ...informers]);
  }

  /** Starts `kubectl get -w`. */
  openWatch(
    credential: readonly string[],
    name = 'HTTP/2',
    env: Readonly<Record<string, string>> = {},
  ): Promise<ClientProcess> {
    const child = this.kubectl(credential, ['get', 'pods', '-w', '-o', 'name'], env);
    return this.#open(`get -w over ${name}`, child, /pod\/web/);
  }

  async #open(name: string, child: ChildProcess, shows: RegExp): Promise<ClientProcess> {
    const client = new ClientProcess(name, child);
    await seen(child, shows);
    return client;
  }

  /** Only what it answers shows that it is open. */
  async #attach(name: string, child: ChildProcess): Promise<ClientProcess> {
    const opened = this.#open(name, child, /typed in/);
    child.stdin?.write('typed in\n');
    return opened;
  }

  /** Copies a folder into the Pod. Its second file is a pipe into which nobody writes. */
  async #copy(
    name: string,
    credential: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<ClientProcess> {
    const [source, copy] = [temporaryFolder(), join(temporaryFolder(), 'copy')];
    await writeFile(join(source, 'a'), Buffer.alloc(64 * 1024));
    await promisify(execFile)('mkfifo', [join(source, 'b')]);
    const client = new ClientProcess(name, this.kubectl(credential, ['cp', source, `web:${copy}`], env));
    const hasBegun = () => existsSync(join(copy, 'a'));
    await eventually(`${name} has begun`, () => hasBegun() || client.code !== undefined, 120_000);
    assert.ok(hasBegun(), `${name}: ${client.stderr}`);
    return client;
  }

  async #inform(credential: readonly string[]): Promise<ClientProcess> {
    const client = await startInformer(
      { server: `https://localhost:${this.proxy.port}`, caFile: this.#ca },
      this.namespace,
      credential,
    );
    this.#scope.after(() => client.child.kill('SIGKILL'));
    await eventually('the informer watches', async () => {
      await this.touch();
      return client.stdout.includes('changed web');
    });
    return client;
  }

  /** Changes the Pod, so that those who watch it get an event. */
  async touch(): Promise<void> {
    const metadata = { annotations: { touched: randomUUID() } };
    await this.#server.admin.do('PATCH', `/api/v1/namespaces/${this.namespace}/pods/web`, { metadata });
  }

  /** The sum of the gateway's own samples of this name with these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
    const { text } = await send(await adminPort(this.proxy), '/metrics');
    return sumOf(readSamples(text), name, labels);
  }

  log(line: string): void {
    this.#kubelet.log(this.namespace, 'web', line);
  }
}
