import { openWatch, type WatchClient, watchServer } from '../clients/watch-client.js';
import type { AnyApiServer, Arrival } from '../embedded-api-server.js';
import { eventually } from '../eventually.js';
import { configMap, configMapsIn } from '../fake-api-server/config-maps.js';
import { adminAgent } from '../kube-apiserver/api-client.js';
import { type NamespaceWatch, queryOf } from './watched-namespace.js';

/** The addresses of the program and its API server. */
interface AnyWatched {
  readonly server: AnyApiServer;
  readonly proxy: { readonly url: string };
}

/** A WatchedNamespace of any API server: config maps that no other test uses, their watches, and those at the API server. */
export class AnyWatchedNamespace {
  readonly name: string;
  readonly path: string;
  readonly #server: AnyApiServer;
  readonly #url: string;
  #writes = 0;

  private constructor({ server, proxy }: AnyWatched, name: string) {
    this.name = name;
    this.path = configMapsIn(name);
    this.#server = server;
    this.#url = proxy.url;
  }

  static async create(watched: AnyWatched): Promise<AnyWatchedNamespace> {
    return new AnyWatchedNamespace(watched, await watched.server.createNamespace());
  }

  /** The current resourceVersion. */
  async version(): Promise<string> {
    const list = await this.#server.admin.do('GET', `${this.path}?limit=1`);
    return (list as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
  }

  /** The path and query of a watch. */
  async target(question: NamespaceWatch = {}): Promise<string> {
    const { from = question.initial ? '' : await this.version() } = question;
    return `${this.path}?${queryOf(question, from)}`;
  }

  /** Opens a watch through the program. */
  async watch(question: NamespaceWatch = {}): Promise<WatchClient> {
    const { headers = {}, tls = {} } = question;
    return openWatch(this.#url + (await this.target(question)), { headers, ...tls });
  }

  /** Opens several watches of the same kind. */
  watchMany(number: number, question: NamespaceWatch = {}): Promise<WatchClient[]> {
    return Promise.all(Array.from({ length: number }, () => this.watch(question)));
  }

  /** Opens the same watch at the API server itself. */
  async direct(question: NamespaceWatch = {}): Promise<WatchClient> {
    const headers = { ...question.headers, 'user-agent': adminAgent };
    return watchServer(this.#server, await this.target(question), headers);
  }

  /** Writes a config map with the label app=web, and returns its version. */
  async write(name: string, data: Readonly<Record<string, string>> = {}): Promise<string> {
    // An update that changes nothing has no event.
    this.#writes += 1;
    const labels = { app: 'web' };
    const object = configMap(this.name, name, { labels, data: { write: `${this.#writes}`, ...data } });
    const { admin } = this.#server;
    const { status, body } = await admin.ask('PUT', `${this.path}/${name}`, object);
    const written = status === 200 ? body : await admin.do('POST', this.path, object);
    return (written as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
  }

  /** Writes config maps with these names, and returns their versions. */
  async writeAll(...names: readonly string[]): Promise<string[]> {
    const versions: string[] = [];
    for (const name of names) versions.push(await this.write(name));
    return versions;
  }

  async remove(name: string): Promise<void> {
    await this.#server.admin.do('DELETE', `${this.path}/${name}`);
  }

  /** The watches that the program has opened at the API server. */
  async upstream(): Promise<readonly Arrival[]> {
    const all = await this.#server.arrivals();
    return all.filter(({ target }) => target.startsWith(`${this.path}?`));
  }

  /** The open ones of these watches. */
  async openUpstream(): Promise<readonly Arrival[]> {
    return (await this.upstream()).filter(({ isOver }) => !isOver);
  }

  /** Waits until this number of them is open. */
  untilUpstream(number: number): Promise<void> {
    return eventually(
      `${number} watches of the API server`,
      async () => (await this.openUpstream()).length === number,
    );
  }
}
