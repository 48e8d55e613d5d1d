import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { startJavascript } from '../support/clients/javascript-client.js';
import { within } from '../support/eventually.js';

/** One process of a client with an open stream, and how it ended. */
export class ClientProcess {
  readonly name: string;
  readonly child: ChildProcess;
  /** Undefined while it runs; -1 if it was killed. */
  code: number | undefined;
  stdout = '';
  stderr = '';
  readonly #ended: Promise<void>;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    for (const output of ['stdout', 'stderr'] as const)
      child[output]?.on('data', (chunk: Buffer) => {
        this[output] += chunk.toString();
      });
    this.#ended = new Promise(resolve =>
      child.once('close', code => {
        this.code = code ?? -1;
        resolve();
      }),
    );
  }

  ended(): Promise<void> {
    return within(`the end of ${this.name}`, this.#ended, 120_000);
  }
}

/**
 * Checks how each client ended: a command, a log or a copy that was cut never counts as a success, and an informer that has come back gets
 * the reason.
 */
export async function assertEnded(clients: readonly ClientProcess[], reason: RegExp): Promise<void> {
  await Promise.all(clients.map(client => client.ended()));
  for (const { name, code, stderr } of clients) {
    if (/^(?:exec|attach|cp)/.test(name)) assert.match(stderr, reason, name);
    if (/^informer/.test(name)) assert.match(stderr, /^error 40[13]$/m, name);
    if (!/^(?:get|port-forward)/.test(name)) assert.notEqual(code, 0, `${name}: ${stderr}`);
  }
}

/** Checks that each client still runs. */
export function assertRunning(clients: readonly ClientProcess[]): void {
  for (const { name, code, stderr } of clients) assert.equal(code, undefined, `${name}: ${stderr}`);
}

/** Follows the Pods of a namespace, and ends when it can no longer. */
const informer = `
  import { CoreV1Api, KubeConfig, makeInformer } from '@kubernetes/client-node';
  const { cluster, user, namespace } = JSON.parse(process.argv[2]);
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'gateway', ...cluster }, { name: 'user', ...user });
  const api = config.makeApiClient(CoreV1Api);
  const list = () => api.listNamespacedPod({ namespace });
  const pods = makeInformer(config, \`/api/v1/namespaces/\${namespace}/pods\`, list);
  pods.on('update', ({ metadata }) => console.log(\`changed \${metadata.name}\`));
  pods.on('error', error => {
    console.error(\`error \${error.statusCode ?? error.code}\`);
    process.exit(1);
  });
  await pods.start();
`;

/** Starts an informer of @kubernetes/client-node at a server with this file of authorities, with these flags of kubectl as its credential. */
export async function startInformer(
  cluster: { readonly server: string; readonly caFile: string },
  namespace: string,
  credential: readonly string[],
): Promise<ClientProcess> {
  const value = (flag: string) =>
    credential.find(text => text.startsWith(`--${flag}=`))?.slice(flag.length + 3);
  const user = { token: value('token'), certFile: value('client-certificate'), keyFile: value('client-key') };
  const args = [JSON.stringify({ cluster, user, namespace })];
  return new ClientProcess('informer', await startJavascript(informer, args));
}
