import { randomUUID } from 'node:crypto';
import { Agent } from 'node:https';
import { join } from 'node:path';
import type { ServingFiles } from '../certificates/serving-files.js';
import { send } from '../clients/http-client.js';
import { openWatch, type WatchClient } from '../clients/watch-client.js';
import { eventually } from '../eventually.js';
import { callersFlag } from '../proxy/callers.js';
import { startInProcess } from '../proxy/in-process.js';
import { replaceFile } from '../replaced-file.js';
import type { Scope } from '../scope.js';
import { temporaryFolder } from '../temporary-folder.js';
import type { ApiServer } from './api-server.js';

const group = 'rbac.authorization.k8s.io';
const rbac = `/apis/${group}/v1`;
const following = ['list', 'watch'];

/** What the gateway's identity may do. */
const rights = [
  { apiGroups: [''], resources: ['namespaces'], verbs: following },
  {
    apiGroups: [group],
    resources: ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'],
    verbs: following,
  },
  { apiGroups: [''], resources: ['users', 'groups', 'serviceaccounts'], verbs: ['impersonate'] },
];

/** A gateway that may read namespaces and RBAC, in front of a real API server, and users of its own: a token is the name of its user, who is in a group. */
export class FilteringGateway {
  readonly url: string;
  readonly port: number;

  private constructor(
    readonly server: ApiServer,
    url: string,
    readonly id: string,
    /** The authority of its certificate, if it has TLS. */
    readonly ca: string | undefined,
    /** Replaces the tokens. Without users, each is the name of its user. */
    readonly writeTokens: (tokens: readonly string[], users?: readonly string[]) => Promise<unknown>,
  ) {
    this.url = ca === undefined ? url : url.replace('http:', 'https:');
    this.port = Number(new URL(url).port);
  }

  static async start(
    t: Scope,
    server: ApiServer,
    {
      users,
      flags = [],
      files,
    }: {
      readonly users: readonly string[];
      /** Besides those for callers and the filter. */
      readonly flags?: readonly string[];
      readonly files?: ServingFiles;
    },
  ): Promise<FilteringGateway> {
    const id = randomUUID().slice(0, 8);
    const name = `gateway-${id}`;
    await server.grant(name, rights);
    const file = join(temporaryFolder(), 'tokens.csv');
    const writeTokens: FilteringGateway['writeTokens'] = (tokens, owners = tokens) => {
      const lines = tokens.map((token, at) => `${token},${owners[at]}-${id},,"team-${owners[at]}-${id}"\n`);
      return replaceFile(file, lines.join(''));
    };
    await writeTokens(users);
    const kubeconfig = await server.kubeconfig({ commonName: name, organizations: [] });
    const callers = [callersFlag(file), '--filter-namespaces', ...flags, ...(files?.flags ?? [])];
    const proxy = await startInProcess(t, [`--kubeconfig=${kubeconfig}`, ...callers]);
    return new FilteringGateway(server, proxy.url, id, files?.authority.certificate, writeTokens);
  }

  /** Makes a namespace whose name begins like this. */
  async namespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<string> {
    const full = `${name}-${this.id}`;
    const metadata = { name: full, labels };
    await this.server.admin.do('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata,
    });
    return full;
  }

  /** Makes a namespace that this user may get, and waits until that is known. */
  async namespaceOf(user: string, name: string): Promise<string> {
    const made = await this.namespace(name);
    await this.bind(made, this.user(user));
    const list = () => this.ask(user, '/api/v1/namespaces');
    await eventually('the API server knows', async () => (await list()).text.includes(made));
    return made;
  }

  /** Lets a user list and watch all namespaces. */
  async letListAll(user: string): Promise<void> {
    const all = { apiGroups: [''], resources: ['namespaces'], verbs: following };
    await this.server.grant(`${user}-${this.id}`, [all]);
  }

  /** Nothing else finishes it here. */
  async deleteNamespace(name: string): Promise<void> {
    const { admin } = this.server;
    await admin.do('DELETE', `/api/v1/namespaces/${name}`);
    const metadata = { name };
    const done = { apiVersion: 'v1', kind: 'Namespace', metadata, spec: { finalizers: [] } };
    await admin.ask('PUT', `/api/v1/namespaces/${name}/finalize`, done);
  }

  /** Lets a subject get a namespace, by a role there. Returns what takes it away. */
  async bind(namespace: string, ...subjects: readonly object[]): Promise<() => Promise<void>> {
    const { admin } = this.server;
    const name = `of-${randomUUID()}`;
    const role = { apiGroup: group, kind: 'ClusterRole', name: await this.role() };
    const path = `${rbac}/namespaces/${namespace}/rolebindings`;
    await admin.do('POST', path, { metadata: { name }, roleRef: role, subjects });
    return async () => void (await admin.do('DELETE', `${path}/${name}`));
  }

  /** A subject of a binding. */
  user(name: string): object {
    return { apiGroup: group, kind: 'User', name: `${name}-${this.id}` };
  }

  groupOf(name: string): object {
    return { apiGroup: group, kind: 'Group', name: `team-${name}-${this.id}` };
  }

  #role: Promise<string> | undefined;

  role(): Promise<string> {
    const name = `get-namespaces-${this.id}`;
    const rules = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get'] }];
    this.#role ??= this.server.admin
      .do('POST', `${rbac}/clusterroles`, { metadata: { name }, rules })
      .then(() => name);
    return this.#role;
  }

  /** Where it is, for a kubeconfig. */
  get address() {
    return { server: this.url, ...(this.ca !== undefined && { ca: this.ca }) };
  }

  ask(user: string, path: string, headers: Readonly<Record<string, string>> = {}) {
    return send(this.port, path, {
      headers: { authorization: `Bearer ${user}`, ...headers },
      ...(this.ca !== undefined && { tls: { ca: this.ca } }),
    });
  }

  /** The status of what another user would get, as whom an administrator acts. */
  async asAdminAs(path: string, headers: Readonly<Record<string, string>>): Promise<number> {
    const { url, authority } = this.server;
    this.#adminAgent ??= authority.client().then(({ certificate: cert, key }) => {
      return new Agent({ ca: authority.certificate, cert, key, keepAlive: true, maxSockets: 50 });
    });
    const question = { headers, tls: {}, agent: await this.#adminAgent };
    const ask = () => send(Number(new URL(url).port), path, question);
    // The API server may close a connection at the moment at which it is used again.
    return (await ask().catch(ask)).status;
  }

  #adminAgent: Promise<Agent> | undefined;

  /** The names that a list has. */
  async names(user: string): Promise<readonly string[]> {
    const { status, text } = await this.ask(user, '/api/v1/namespaces');
    if (status !== 200) throw new Error(`${status} ${text}`);
    const { items } = JSON.parse(text) as { items: readonly { metadata: { name: string } }[] };
    return items.map(({ metadata }) => metadata.name);
  }

  async watch(
    user: string,
    query: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<WatchClient> {
    const watch = await openWatch(`${this.url}/api/v1/namespaces?watch=1${query}`, {
      headers: { authorization: `Bearer ${user}`, ...headers },
      ...(this.ca !== undefined && { ca: this.ca }),
    });
    if (watch.status !== 200) throw new Error(`a watch is answered ${watch.status}`);
    return watch;
  }
}

/** Type and name of each event of a watch. */
export function eventsOf(watch: WatchClient): string[] {
  return watch.events().map(({ type, object: { metadata, rows } }) => {
    const name = rows === undefined ? metadata.name : rows?.[0]?.cells[0];
    return `${type} ${name ?? ''}`.trim();
  });
}

export async function sees(watch: WatchClient, ...expected: readonly string[]): Promise<void> {
  await eventually(`the events ${expected.join(', ')}; there are ${eventsOf(watch).join(', ')}`, () =>
    expected.every(event => eventsOf(watch).includes(event)),
  );
}
