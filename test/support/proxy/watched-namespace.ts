import type { OutgoingHttpHeaders } from 'node:http';
import { openWatch, type WatchClient, type WatchQuestion, watchServer } from '../clients/watch-client.js';
import type { AnyApiServer, Arrival } from '../embedded-api-server.js';
import { eventually } from '../eventually.js';
import { configMap, configMapsIn } from '../fake-api-server/config-maps.js';
import type { FakeApiServer, RequestRecord } from '../fake-api-server/fake-api-server.js';
import { adminAgent } from '../kube-apiserver/api-client.js';

/** The Accept header of each format of a watch. */
export const forms = {
  json: 'application/json',
  partial: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json',
  table: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  protobuf: 'application/vnd.kubernetes.protobuf;stream=watch,application/json',
} as const;

/** The text of a Table without the ages of its objects, which grow until the API server writes it. */
export function ageless(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/"\d+s"\],/g, '"AGE"],');
}

/** How a namespace is watched. */
export interface NamespaceWatch {
  /** resourceVersion; by default the current one, or none for a watch that begins with the objects. */
  readonly from?: number | string;
  /** Whether it begins with the objects, as the first watch of client-go's informers since 0.35. */
  readonly initial?: boolean;
  /** More of the query, beginning with an ampersand. */
  readonly query?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Credentials for the program's TLS listener. */
  readonly tls?: Omit<WatchQuestion, 'headers'>;
}

/** The parameters of client-go's reflectors for a watch that begins with the objects. */
const initialEvents = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

/** The query of a watch, from the current version unless it begins elsewhere. */
export function queryOf(
  { from, initial = false, query = '' }: NamespaceWatch,
  current: number | string,
): string {
  if (!initial) return `watch=true&resourceVersion=${from ?? current}${query}`;
  return `watch=true&${initialEvents}${from === undefined ? '' : `&resourceVersion=${from}`}${query}`;
}

/** The config maps of a namespace that no other test uses, and their watches: those of clients and those at the API server. */
abstract class ConfigMapWatches<A extends Arrival | RequestRecord> {
  readonly name: string;
  readonly path: string;
  readonly #url: string;

  constructor(name: string, url: string) {
    this.name = name;
    this.path = configMapsIn(name);
    this.#url = url;
  }

  /** The path and query of a watch. */
  abstract target(question?: NamespaceWatch): string | Promise<string>;
  /** The watches that the program has opened at the API server, and that are open. */
  abstract openUpstream(): readonly A[] | Promise<readonly A[]>;

  /** Opens a watch through the program. */
  async watch(question: NamespaceWatch = {}): Promise<WatchClient> {
    const { headers = {}, tls = {} } = question;
    return openWatch(this.#url + (await this.target(question)), { headers, ...tls });
  }

  /** Opens several watches of the same kind. */
  watchMany(number: number, question: NamespaceWatch = {}): Promise<WatchClient[]> {
    return Promise.all(Array.from({ length: number }, () => this.watch(question)));
  }

  /** Waits until this number of watches is open at the API server. */
  untilUpstream(number: number): Promise<void> {
    const isOpen = async () => (await this.openUpstream()).length === number;
    return eventually(`${number} watches of the API server`, isOpen);
  }
}

/** The addresses and identities of the program and its API server. */
export interface Watched<S = FakeApiServer> {
  readonly server: S;
  readonly proxy: { readonly url: string };
}

let count = 0;

/** Watched config maps of an embedded API server. */
export class WatchedNamespace extends ConfigMapWatches<RequestRecord> {
  readonly #server: FakeApiServer;

  constructor({ server, proxy }: Watched, { mount = '' }: { readonly mount?: string } = {}) {
    count += 1;
    super(`watched-${count}-`, proxy.url + mount);
    this.#server = server;
  }

  target(question: NamespaceWatch = {}): string {
    return `${this.path}?${queryOf(question, this.#server.version)}`;
  }

  /** Opens the same watch at the API server itself. */
  direct(question: NamespaceWatch = {}): Promise<WatchClient> {
    return watchServer(this.#server, this.target(question), { 'X-Direct': '1', ...question.headers });
  }

  /** Writes a config map with the label app=web, and returns its version. */
  write(name: string, data: Readonly<Record<string, string>> = {}): number {
    const written = this.#server.write(configMap(this.name, name, { labels: { app: 'web' }, data }));
    return Number(written.metadata.resourceVersion);
  }

  /** Writes config maps with these names, and returns their versions. */
  writeAll(...names: readonly string[]): number[] {
    return names.map(name => this.write(name));
  }

  remove(name: string): void {
    this.#server.remove(configMap(this.name, name));
  }

  /** The watches that the program has opened at the API server. */
  upstream(): readonly RequestRecord[] {
    return this.#server.watches.filter(
      ({ rawUrl, headers }) => rawUrl.includes(this.path) && headers['x-direct'] === undefined,
    );
  }

  openUpstream(): readonly RequestRecord[] {
    return this.upstream().filter(({ closedAt }) => closedAt === undefined);
  }
}

/** The same of any API server. */
export class AnyWatchedNamespace extends ConfigMapWatches<Arrival> {
  readonly #server: AnyApiServer;
  #writes = 0;

  private constructor({ server, proxy }: Watched<AnyApiServer>, name: string) {
    super(name, proxy.url);
    this.#server = server;
  }

  static async create(watched: Watched<AnyApiServer>): Promise<AnyWatchedNamespace> {
    return new AnyWatchedNamespace(watched, await watched.server.createNamespace());
  }

  /** The current resourceVersion. */
  async version(): Promise<string> {
    return versionOf(await this.#server.admin.do('GET', `${this.path}?limit=1`));
  }

  async target(question: NamespaceWatch = {}): Promise<string> {
    const { from = question.initial ? '' : await this.version() } = question;
    return `${this.path}?${queryOf(question, from)}`;
  }

  async direct(question: NamespaceWatch = {}): Promise<WatchClient> {
    const headers = { ...question.headers, 'user-agent': adminAgent };
    return watchServer(this.#server, await this.target(question), headers);
  }

  async write(name: string, data: Readonly<Record<string, string>> = {}): Promise<string> {
    // An update that changes nothing has no event.
    this.#writes += 1;
    const labels = { app: 'web' };
    const object = configMap(this.name, name, { labels, data: { write: `${this.#writes}`, ...data } });
    const { admin } = this.#server;
    const { status, body } = await admin.ask('PUT', `${this.path}/${name}`, object);
    return versionOf(status === 200 ? body : await admin.do('POST', this.path, object));
  }

  async writeAll(...names: readonly string[]): Promise<string[]> {
    const versions: string[] = [];
    for (const name of names) versions.push(await this.write(name));
    return versions;
  }

  async remove(name: string): Promise<void> {
    await this.#server.admin.do('DELETE', `${this.path}/${name}`);
  }

  async upstream(): Promise<readonly Arrival[]> {
    const all = await this.#server.arrivals();
    return all.filter(({ target }) => target.startsWith(`${this.path}?`));
  }

  async openUpstream(): Promise<readonly Arrival[]> {
    return (await this.upstream()).filter(({ isOver }) => !isOver);
  }
}

function versionOf(written: unknown): string {
  return (written as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
}

/**
 * Opens watches until the API server has said whose this token of the program is. The program waits a second for that, and shares by the
 * token itself until it knows: then it opens another watch for the clients that come later.
 */
export async function untilReviewed(
  watched: Watched,
  token: string,
  question: NamespaceWatch = {},
): Promise<void> {
  await eventually(`the review of ${token}`, async () => {
    const watch = await new WatchedNamespace(watched).watch(question);
    watch.close();
    return watched.server.requests.some(
      ({ rawUrl, headers, statusCode }) =>
        rawUrl.endsWith('/selfsubjectreviews') &&
        headers['authorization'] === `Bearer ${token}` &&
        statusCode === 201,
    );
  });
}
