import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createServingFiles, type ServingFiles } from '../certificates/serving-files.js';
import type { KnownUser } from '../fake-api-server/authentication.js';
import { configMap } from '../fake-api-server/config-maps.js';
import {
  type FakeApiServer,
  type FakeApiServerOptions,
  type RequestRecord,
  startFakeApiServer,
} from '../fake-api-server/fake-api-server.js';
import { writeExecPlugin } from '../identities/exec-plugin.js';
import type { Scope } from '../scope.js';
import { temporaryFolder } from '../temporary-folder.js';
import { type RunningProgram, startInProcess } from './in-process.js';
import type { ProgramOf, Run } from './stack.js';

/** The name of a context in the style of cloud providers: with colons, a slash and an at sign. */
export const arn = 'arn:aws:eks:eu-west-1:123:cluster/x@y';

/** The path of the server URL of context `rancher`. */
export const rancherPath = '/k8s/clusters/c-1';

type Named<Key extends string, Value> = { name: string } & Record<Key, Value>;
type Fields = Record<string, unknown>;

/** A kubeconfig as an object. */
export interface ManyKubeconfig {
  apiVersion: 'v1';
  kind: 'Config';
  clusters: Named<'cluster', Fields>[];
  users: Named<'user', Fields>[];
  contexts: Named<'context', { cluster: string; user: string }>[];
  'current-context': string;
}

/** A kubeconfig to which contexts are to be added, among them the current one. */
export function emptyKubeconfig(current: string): ManyKubeconfig {
  const lists = { clusters: [], users: [], contexts: [] };
  return { apiVersion: 'v1', kind: 'Config', ...lists, 'current-context': current };
}

/**
 * Two embedded API servers and a kubeconfig with a context for each kind of access. Config map `which` in namespace default says `one`
 * or `two`. Each context has its own credential, which shows the context of each request:
 *
 * | context | server | credential |
 * |---|---|---|
 * | one (current) | one | client certificate |
 * | two | two | exec plugin, which counts its runs |
 * | a | one | token |
 * | b | two | token |
 * | arn:aws:… | two | token |
 * | rancher | two, below /k8s/clusters/c-1 | token |
 * | down | nobody listens there | token |
 * | broken | one | client certificate whose file is missing |
 */
export type ManyClusters = Awaited<ReturnType<typeof startManyClusters>>;

/** Options of a set of clusters. */
export interface ManyClustersOptions {
  /** Options of both API servers. */
  readonly server?: FakeApiServerOptions;
  /** Changes the kubeconfig before it is first written. */
  readonly edit?: (config: ManyKubeconfig, clusters: Readonly<Record<'one' | 'two', FakeApiServer>>) => void;
}

/** The token of a context's user. */
export function tokenOf(context: string): string {
  return `token-of-${Buffer.from(context).toString('hex')}`;
}

/** Adds a context with a cluster and a user of the same name, for an API server, with its own token unless the fields replace it. */
export function addContext(
  config: ManyKubeconfig,
  name: string,
  server: FakeApiServer,
  { cluster = {}, user }: { readonly cluster?: Fields; readonly user?: Fields } = {},
): void {
  const ca = Buffer.from(server.authority.certificate).toString('base64');
  config.clusters.push({
    name: `cluster of ${name}`,
    cluster: { server: server.url, 'certificate-authority-data': ca, ...cluster },
  });
  config.users.push({ name: `user of ${name}`, user: user ?? { token: tokenOf(name) } });
  config.contexts.push({ name, context: { cluster: `cluster of ${name}`, user: `user of ${name}` } });
}

/** The path of a context's mount, its name encoded as /-/kubeconfig encodes it. */
export function mountOf(context: string): string {
  return `/clusters/${encodeURIComponent(context)}`;
}

/** The object that differs between the API servers. */
export const which = '/api/v1/namespaces/default/configmaps/which';

/** Starts the API servers and writes the kubeconfig. Everything ends with the scope. */
export async function startManyClusters(scope: Scope, { server, edit }: ManyClustersOptions = {}) {
  const folder = temporaryFolder();
  const plugin = await writeExecPlugin();
  scope.after(() => plugin.remove());
  await plugin.answer({ token: tokenOf('two') });
  const tokens = { one: {} as Record<string, KnownUser>, two: {} as Record<string, KnownUser> };
  const options = { clientCertificates: 'optional', ...server } as const;
  const [one, two] = await Promise.all([
    startFakeApiServer({ tokens: tokens.one, ...options }),
    startFakeApiServer({ tokens: tokens.two, ...options }),
  ]);
  scope.after(() => Promise.all([one.kill(), two.kill()]));
  one.write(configMap('default', 'which', { data: { cluster: 'one' } }));
  two.write(configMap('default', 'which', { data: { cluster: 'two' } }));
  serveBelow(two, rancherPath);

  const { certificate, key } = one.clientCertificate;
  const inline = (pem: string) => Buffer.from(pem).toString('base64');
  const config = emptyKubeconfig('one');
  addContext(config, 'one', one, {
    user: { 'client-certificate-data': inline(certificate), 'client-key-data': inline(key) },
  });
  addContext(config, 'two', two, { user: { exec: plugin.exec() } });
  addContext(config, 'a', one);
  addContext(config, 'b', two);
  addContext(config, arn, two);
  addContext(config, 'rancher', two, { cluster: { server: `${two.url}${rancherPath}` } });
  // Nothing listens on tcpmux.
  addContext(config, 'down', one, { cluster: { server: 'https://127.0.0.1:1' } });
  addContext(config, 'broken', one, {
    user: { 'client-certificate': 'missing.crt', 'client-key': 'missing.crt' },
  });
  edit?.(config, { one, two });

  const kubeconfig = join(folder, 'config');
  for (const { name } of config.contexts) {
    const user = { username: `user of ${name}`, groups: ['system:masters'] };
    tokens.one[tokenOf(name)] = user;
    tokens.two[tokenOf(name)] = user;
  }
  await writeFile(kubeconfig, stringify(config));
  const ownConnections = two.connectionsAccepted;
  const arrivalsAt = (server: 'one' | 'two', mark: string) =>
    ({ one, two })[server].requests
      .filter(({ rawUrl, headers }) => rawUrl.includes(mark) && headers['user-agent'] !== 'kube-api-proxy')
      .map(record => {
        const { method, rawUrl: target } = record;
        return { server, method, target, record, context: contextOf(record) };
      });
  return {
    ...{ one, two, plugin, folder },
    /** The users that the API servers know, by token; a test may add some. */
    tokens,
    /** Path of the kubeconfig. */
    kubeconfig,
    /** The names of its contexts, in their order. */
    contexts: () => config.contexts.map(({ name }) => name),
    /** TCP connections that API server two has accepted since the kubeconfig was first written. */
    dialledTwo: () => two.connectionsAccepted - ownConnections,
    /** The requests of clients whose targets contain this text, and the contexts of their credentials. */
    arrivals: (mark: string) => [...arrivalsAt('one', mark), ...arrivalsAt('two', mark)],
    /** The secrets of the kubeconfig, none of which may appear in an answer or in the log. */
    secrets: () => [...config.contexts.map(({ name }) => tokenOf(name)), inline(key).slice(120, 200)],
  };
}

/** The program with the clusters. */
export type ManyStack<P extends RunningProgram = RunningProgram> = ManyClusters & {
  readonly proxy: P;
  readonly port: number;
};

/** Options of the program. */
export interface ManyStackOptions extends ManyClustersOptions {
  /** Running clusters. */
  readonly clusters?: ManyClusters;
  /** Starts the program: in this process, or as the built one. */
  readonly run?: Run;
  /** Flags besides --kubeconfig and --all-contexts. */
  readonly flags?: readonly string[];
  readonly tls?: ServingFiles;
}

/** Starts the program with --all-contexts, and the clusters unless they run. Everything ends with the scope, the program first. */
export async function startManyStack<O extends ManyStackOptions>(
  scope: Scope,
  options: O = {} as O,
): Promise<ManyStack<ProgramOf<O>>> {
  const clusters = options.clusters ?? (await startManyClusters(scope, options));
  const flags = [
    ...[`--kubeconfig=${clusters.kubeconfig}`, '--all-contexts'],
    ...(options.tls?.flags ?? []),
    ...(options.flags ?? []),
  ];
  const proxy = await (options.run ?? startInProcess)(scope, flags);
  return { ...clusters, proxy: proxy as never, port: proxy.port };
}

/** Files of a TLS listener. The certificate file ends with the authority, so that the program knows it. */
export async function createChainFiles(): Promise<ServingFiles> {
  const files = await createServingFiles();
  const leaf = readFileSync(files.certificate, 'utf8');
  await files.replace('tls.crt', `${leaf}${files.authority.certificate}`);
  return files;
}

/** The context of a request's credential, found by the token or the certificate's name. */
function contextOf({ headers, tlsSubject }: RequestRecord): string {
  const [, hex] = /^Bearer token-of-([0-9a-f]+)$/.exec(headers['authorization']?.toString() ?? '') ?? [];
  if (hex !== undefined) return Buffer.from(hex, 'hex').toString();
  return tlsSubject?.commonName === 'admin' ? 'one' : '';
}

/** Serves a whole API server below this path too, like Rancher. The records keep the target as it came. */
function serveBelow(server: FakeApiServer, prefix: string): void {
  const strip = (request: { url?: string | undefined }) => {
    if (request.url?.startsWith(`${prefix}/`)) request.url = request.url.slice(prefix.length);
    return false;
  };
  server.intercept(strip);
  server.interceptUpgrade(strip);
}
