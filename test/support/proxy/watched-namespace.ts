import type { OutgoingHttpHeaders } from 'node:http';
import { openWatch, type WatchClient, type WatchQuestion, watchServer } from '../clients/watch-client.js';
import { eventually } from '../eventually.js';
import { configMap, configMapsIn } from '../fake-api-server/config-maps.js';
import type { FakeApiServer, RequestRecord } from '../fake-api-server/fake-api-server.js';

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

/** The addresses and identities of the program and its API server. */
export interface Watched {
  readonly server: FakeApiServer;
  readonly proxy: { readonly url: string };
}

let count = 0;

/** The config maps of a namespace that no other test uses, and their watches: those of clients and those at the API server. */
export class WatchedNamespace {
  readonly name: string;
  readonly path: string;
  readonly #url: string;
  readonly #server: FakeApiServer;

  constructor({ server, proxy }: Watched, { mount = '' }: { readonly mount?: string } = {}) {
    count += 1;
    this.name = `watched-${count}-`;
    this.path = configMapsIn(this.name);
    this.#url = proxy.url + mount;
    this.#server = server;
  }

  /** The path and query of a watch. */
  target(question: NamespaceWatch = {}): string {
    return `${this.path}?${queryOf(question, this.#server.version)}`;
  }

  /** Opens a watch through the program. */
  watch(question: NamespaceWatch = {}): Promise<WatchClient> {
    const { headers = {}, tls = {} } = question;
    return openWatch(this.#url + this.target(question), { headers, ...tls });
  }

  /** Opens several watches of the same kind. */
  watchMany(number: number, question: NamespaceWatch = {}): Promise<WatchClient[]> {
    return Promise.all(Array.from({ length: number }, () => this.watch(question)));
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

  /** Those that are open. */
  openUpstream(): readonly RequestRecord[] {
    return this.upstream().filter(({ closedAt }) => closedAt === undefined);
  }

  /** Waits until this number of watches is open at the API server. */
  untilUpstream(number: number): Promise<void> {
    return eventually(`${number} watches of the API server`, () => this.openUpstream().length === number);
  }
}
