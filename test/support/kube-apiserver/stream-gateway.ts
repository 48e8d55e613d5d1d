import assert from 'node:assert/strict';
import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { protocols } from '../../apiserver/kubectl-stack.js';
import { createServingFiles } from '../certificates/serving-files.js';
import { send } from '../clients/http-client.js';
import { seen, startKubectl } from '../clients/kubectl.js';
import { collectText } from '../collected-text.js';
import { eventually, within } from '../eventually.js';
import { adminPort } from '../proxy/admin-listener.js';
import { readSamples, sumOf } from '../proxy/own-metric.js';
import { type ProxyProcess, startProxy } from '../proxy/proxy.js';
import type { Scope } from '../scope.js';
import { temporaryFolder } from '../temporary-folder.js';
import type { ApiServer, Credential } from './api-server.js';
import { Kubelet } from './kubelet/kubelet.js';

/** One process of a client with an open stream, and how it ended. */
export class ClientProcess {
  readonly name: string;
  /** Undefined while it runs; -1 if it was killed. */
  code: number | undefined;
  readonly stderr: () => string;
  readonly #closed: Promise<void>;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.stderr = collectText(child.stderr);
    this.#closed = once(child, 'close').then(([code]) => {
      this.code = code ?? -1;
    });
  }

  ended(): Promise<void> {
    return within(`the end of ${this.name}`, this.#closed, 120_000);
  }
}

/** Checks how each client ended: a command, a log or a copy that was cut never counts as a success. */
export async function assertEnded(clients: readonly ClientProcess[], reason: RegExp): Promise<void> {
  await Promise.all(clients.map(client => client.ended()));
  for (const { name, code, stderr } of clients) {
    if (/^(?:exec|attach|cp)/.test(name)) assert.match(stderr(), reason, name);
    if (!/^(?:get|port-forward)/.test(name)) assert.notEqual(code, 0, `${name}: ${stderr()}`);
  }
}

/** Checks that each client still runs. */
export function assertRunning(clients: readonly ClientProcess[]): void {
  for (const { name, code, stderr } of clients) assert.equal(code, undefined, `${name}: ${stderr()}`);
}

/** How kubectl sends plain requests over TLS. */
const plainVersions = [
  { name: 'HTTP/2', env: {} },
  { name: 'HTTP/1.1', env: { DISABLE_HTTP2: '1' } },
];

/** A gateway with TLS in front of a real API server, whose kubelet runs the Pod `web` in a namespace of its own. */
export class StreamGateway {
  readonly #folder = temporaryFolder();
  readonly #scope: Scope;
  readonly #server: ApiServer;
  readonly namespace: string;
  readonly proxy: ProxyProcess;
  /** The certificate of the authority that its own is from. */
  readonly authority: string;

  private constructor(
    scope: Scope,
    server: ApiServer,
    namespace: string,
    proxy: ProxyProcess,
    authority: string,
  ) {
    this.#scope = scope;
    this.#server = server;
    this.namespace = namespace;
    this.proxy = proxy;
    this.authority = authority;
  }

  /** @param identity Who the gateway is at the API server; by default somebody who may do everything. */
  static async start(
    scope: Scope,
    server: ApiServer,
    flags: readonly string[],
    identity?: Credential,
  ): Promise<StreamGateway> {
    const [namespace, kubelet, kubeconfig, files] = await Promise.all([
      server.createNamespace(),
      Kubelet.start(scope, server),
      server.kubeconfig(identity),
      createServingFiles(),
    ]);
    await kubelet.run(namespace, 'web');
    const proxy = await startProxy([
      ...[`--kubeconfig=${kubeconfig}`, '--reject-paths=', '--log-format=json', ...files.flags],
      ...['--admin-port=0', '--admin-address=127.0.0.1', ...flags],
    ]);
    scope.after(() => proxy.stop('SIGKILL'));
    const gateway = new StreamGateway(scope, server, namespace, proxy, files.authority.certificate);
    await writeFile(gateway.#ca, gateway.authority);
    return gateway;
  }

  /** Lets a user do everything with Pods in the namespace. Returns what takes this right away. */
  bind(user: string): Promise<() => Promise<void>> {
    const resources = ['', '/attach', '/exec', '/log', '/portforward'].map(part => `pods${part}`);
    return this.#server.bind(this.namespace, user, [{ apiGroups: [''], resources, verbs: ['*'] }]);
  }

  /** Starts kubectl with these arguments and this credential. It ends with the scope. */
  #kubectl(
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

  /** What kubectl writes to its standard output with these arguments and this credential. */
  async output(credential: readonly string[], args: readonly string[]): Promise<string> {
    const child = this.#kubectl(credential, args);
    const written = collectText(child.stdout);
    await once(child, 'close');
    return written();
  }

  get #ca(): string {
    return join(this.#folder, 'ca.crt');
  }

  /** Starts every kind of stream, over HTTP/2 and HTTP/1.1 where kubectl can, and waits until each is open. */
  async openAll(credential: readonly string[]): Promise<readonly ClientProcess[]> {
    const watches = plainVersions.map(({ name, env }) => this.openWatch(credential, name, env));
    const logs = plainVersions.map(({ name, env }) =>
      this.#open(`logs -f over ${name}`, this.#kubectl(credential, ['logs', '-f', 'web'], env), /log line 4/),
    );
    const upgraded = protocols.flatMap(({ name, variables: env }) => [
      this.openExec(credential, name, env),
      this.#open(
        `port-forward over ${name}`,
        this.#kubectl(credential, ['port-forward', 'pod/web', ':80'], env),
        /-> 80/,
      ),
      this.#attach(`attach over ${name}`, this.#kubectl(credential, ['attach', '-i', 'web'], env)),
      this.#copy(`cp over ${name}`, credential, env),
    ]);
    return Promise.all([...watches, ...logs, ...upgraded]);
  }

  /** Starts `kubectl get -w`. */
  openWatch(
    credential: readonly string[],
    name = 'HTTP/2',
    env: Readonly<Record<string, string>> = {},
  ): Promise<ClientProcess> {
    const child = this.#kubectl(credential, ['get', 'pods', '-w', '-o', 'name'], env);
    return this.#open(`get -w over ${name}`, child, /pod\/web/);
  }

  /** Starts a command that goes on, over the protocol that kubectl prefers unless the environment says another one. */
  openExec(
    credential: readonly string[],
    name: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<ClientProcess> {
    const sleeps = ['exec', 'web', '--', 'sh', '-c', 'echo started; sleep 600'];
    return this.#open(`exec over ${name}`, this.#kubectl(credential, sleeps, env), /started/);
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
    const client = new ClientProcess(name, this.#kubectl(credential, ['cp', source, `web:${copy}`], env));
    const hasBegun = () => existsSync(join(copy, 'a'));
    await eventually(`${name} has begun`, () => hasBegun() || client.code !== undefined, 120_000);
    assert.ok(hasBegun(), `${name}: ${client.stderr()}`);
    return client;
  }

  /** The sum of the gateway's own samples of this name with these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
    const { text } = await send(await adminPort(this.proxy), '/metrics');
    return sumOf(readSamples(text), name, labels);
  }
}
