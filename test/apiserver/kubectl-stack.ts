import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { type KubectlOptions, kubectl, startInTerminal, startKubectl } from '../support/clients/kubectl.js';
import type { ApiServer } from '../support/kube-apiserver/api-server.js';
import { Kubelet } from '../support/kube-apiserver/kubelet.js';
import { ownMetric } from '../support/proxy/own-metric.js';
import { startProxy } from '../support/proxy/proxy.js';
import type { Scope } from '../support/scope.js';
import { temporaryFolder } from '../support/temporary-folder.js';

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

/** kubectl, in front of the program, the API server and a kubelet that runs the Pod `web`. */
export class Stack {
  readonly folder: string;
  readonly namespace: string;
  readonly kubelet: Kubelet;
  readonly #scope: Scope;
  readonly #port: number;
  readonly #variables: Readonly<Record<string, string>>;

  private constructor(
    scope: Scope,
    parts: Pick<Stack, 'folder' | 'namespace' | 'kubelet'>,
    port: number,
    variables: Readonly<Record<string, string>> = {},
  ) {
    this.folder = parts.folder;
    this.namespace = parts.namespace;
    this.kubelet = parts.kubelet;
    this.#scope = scope;
    this.#port = port;
    this.#variables = { HOME: this.folder, KUBECONFIG: '', ...variables };
  }

  static async start(
    scope: Scope,
    server: ApiServer,
    protocol?: Protocol,
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<Stack> {
    const folder = temporaryFolder();
    const [namespace, kubelet, kubeconfig] = await Promise.all([
      server.createNamespace(),
      Kubelet.start(scope, server),
      server.kubeconfig(),
    ]);
    const [proxy] = await Promise.all([
      startProxy([`--kubeconfig=${kubeconfig}`, '--reject-paths=']),
      kubelet.run(namespace, 'web', annotations),
    ]);
    scope.after(() => proxy.stop('SIGKILL'));
    return new Stack(scope, { folder, namespace, kubelet }, proxy.port, protocol?.variables);
  }

  get #flags(): readonly string[] {
    return ['-s', `http://127.0.0.1:${this.#port}`, '-n', this.namespace];
  }

  run(args: readonly string[], options: KubectlOptions = {}) {
    return kubectl([...this.#flags, ...args], { timeout: 60_000, ...options, env: this.#variables });
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

  /** Checks that kubectl used this protocol alone, and that the API server spoke SPDY with the kubelet. */
  async assertProtocol({ name }: Protocol): Promise<void> {
    const count = (protocol: string) =>
      ownMetric(this.#port, `kube_api_proxy_upgrades_total{protocol="${protocol}"}`);
    assert.ok(Number(await count(name)) > 0, name);
    assert.equal(await count(name === 'spdy' ? 'websocket' : 'spdy'), 0);
    const upgrades = this.kubelet.requests.filter(({ upgrade }) => upgrade);
    assert.ok(upgrades.length > 0);
    for (const { headers } of upgrades) assert.equal(headers['upgrade'], 'SPDY/3.1');
  }
}
