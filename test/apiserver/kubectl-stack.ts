import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { test as nodeTest } from 'node:test';
import {
  hasKubectl,
  hasScript,
  type KubectlOptions,
  kubectl,
  kubectlTest,
  startInTerminal,
  startKubectl,
} from '../support/clients/kubectl.js';
import { eventually } from '../support/eventually.js';
import type { ApiServer } from '../support/kube-apiserver/api-server.js';
import { test as apiServerTest } from '../support/kube-apiserver/api-server-test.js';
import { Kubelet } from '../support/kube-apiserver/kubelet/kubelet.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { ownMetric, scrapeOwn, sumOf } from '../support/proxy/own-metric.js';
import { type ProxyProcess, startProxy } from '../support/proxy/proxy.js';
import type { Scope } from '../support/scope.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A test that needs kubectl too. */
export const test: typeof apiServerTest = (name, run) => {
  if (hasKubectl) apiServerTest(name, run);
  else kubectlTest(name, () => {});
};

/** A test that needs kubectl and a terminal too. */
export const terminalServerTest: typeof apiServerTest = (name, run) => {
  if (hasScript) test(name, run);
  else nodeTest(name, { skip: 'script is not in PATH' }, () => {});
};

/** A protocol between kubectl and the API server. kubectl silently uses SPDY if a WebSocket is refused. */
export interface Protocol {
  readonly name: 'websocket' | 'spdy';
  readonly variables: Readonly<Record<string, string>>;
}

export const protocols: readonly Protocol[] = (['websocket', 'spdy'] as const).map(name => ({
  name,
  variables: {
    KUBECTL_REMOTE_COMMAND_WEBSOCKETS: String(name === 'websocket'),
    KUBECTL_PORT_FORWARD_WEBSOCKETS: String(name === 'websocket'),
  },
}));

/** The only context of the kubeconfig, named as cloud providers name them. */
const context = 'arn:aws:eks:eu-west-1:123456789012:cluster/prod';

/** kubectl, in front of the program, the API server and a kubelet that runs the Pod `web`. */
export class Stack {
  readonly folder: string;
  readonly namespace: string;
  readonly kubelet: Kubelet;
  readonly #scope: Scope;
  readonly #proxy: ProxyProcess;
  readonly #mount: string;
  readonly #variables: Readonly<Record<string, string>>;

  private constructor(
    scope: Scope,
    parts: Pick<Stack, 'folder' | 'namespace' | 'kubelet'>,
    proxy: ProxyProcess,
    variables: Readonly<Record<string, string>> = {},
    mount = '',
  ) {
    this.folder = parts.folder;
    this.namespace = parts.namespace;
    this.kubelet = parts.kubelet;
    this.#scope = scope;
    this.#proxy = proxy;
    this.#mount = mount;
    this.#variables = { HOME: this.folder, KUBECONFIG: '', ...variables };
  }

  static async start(
    scope: Scope,
    server: ApiServer,
    protocol?: Protocol,
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<Stack> {
    const folder = temporaryFolder();
    const [namespace, kubelet, { path }] = await Promise.all([
      server.createNamespace(),
      Kubelet.start(scope, server),
      writeKubeconfig({
        ...{ name: context, server: server.url, ca: server.authority.certificate },
        ...(await server.authority.client()),
      }),
    ]);
    const [proxy] = await Promise.all([
      startProxy([`--kubeconfig=${path}`, '--reject-paths=', '--all-contexts']),
      kubelet.run(namespace, 'web', annotations),
    ]);
    scope.after(() => proxy.stop('SIGKILL'));
    return new Stack(scope, { folder, namespace, kubelet }, proxy, protocol?.variables);
  }

  /** The same at the mount of the kubeconfig's context. */
  atMount(): Stack {
    return new Stack(
      this.#scope,
      this,
      this.#proxy,
      this.#variables,
      `/clusters/${encodeURIComponent(context)}`,
    );
  }

  get #flags(): readonly string[] {
    return ['-s', `${this.#proxy.url}${this.#mount}`, '-n', this.namespace];
  }

  run(args: readonly string[], options: KubectlOptions = {}) {
    return kubectl([...this.#flags, ...args], { ...options, env: this.#variables });
  }

  /** The standard output of a kubectl that must exit with 0. */
  async succeed(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** A kubectl that keeps running, at most until the end of the test. */
  start(args: readonly string[]) {
    return this.#untilEnd(startKubectl([...this.#flags, ...args], this.#variables));
  }

  /** The same in a terminal of 33 rows and 77 columns, whose path it writes to a file. */
  startInTerminal(args: readonly string[], file: string) {
    const command = `stty rows 33 cols 77; tty > ${file}; exec kubectl ${[...this.#flags, ...args].join(' ')}`;
    return this.#untilEnd(startInTerminal(command, this.#variables));
  }

  #untilEnd<T extends ChildProcess>(child: T): T {
    this.#scope.after(() => child.kill('SIGKILL'));
    return child;
  }

  /** Waits until this number of watches is open. */
  untilWatches(count: number): Promise<void> {
    return eventually(`${count} watches`, async () => {
      const samples = await scrapeOwn(this.#proxy.port);
      return sumOf(samples, 'kube_api_proxy_longrunning_requests', { verb: 'watch' }) === count;
    });
  }

  /** Checks that kubectl used this protocol alone, and that the API server spoke SPDY with the kubelet. */
  async assertProtocol({ name }: Protocol): Promise<void> {
    const count = (protocol: string) =>
      ownMetric(this.#proxy.port, `kube_api_proxy_upgrades_total{protocol="${protocol}"}`);
    assert.ok(Number(await count(name)) > 0, name);
    assert.equal(await count(name === 'spdy' ? 'websocket' : 'spdy'), 0);
    const upgrades = this.kubelet.requests.filter(({ upgrade }) => upgrade);
    assert.ok(upgrades.length > 0);
    for (const { headers } of upgrades) assert.equal(headers['upgrade'], 'SPDY/3.1');
  }
}
