import type { CredentialEvents } from '../credentials/credential.js';
import type { ContextSummary } from '../kubeconfig/followed-kubeconfig.js';
import type { Cluster, FollowEndpoint } from './cluster.js';

/** A cluster that a feature adds to those of the kubeconfig. Its callers are those of the cluster of `/`. */
export interface AddedCluster extends ContextSummary {
  readonly isAdded: true;
  /** Gives the cluster its endpoints when it is first used. The context of each is the cluster's name. */
  follow(
    use: Parameters<FollowEndpoint>[0],
    events: Pick<CredentialEvents, 'expires' | 'refreshed' | 'log'>,
  ): ReturnType<FollowEndpoint>;
  /** What is wrong with its configuration, for callers; undefined if nothing is. */
  readonly problem: string | undefined;
  /** What others say of its health, for callers; undefined if they say nothing. It decides nothing. */
  readonly condition?: string | undefined;
  /** Whether a configuration can be used: the last one, or one before it. */
  readonly isUsable: boolean;
  /**
   * A context of its name has taken its place.
   *
   * @param used The cluster, if it was used. Its open requests go on.
   */
  displaced(used: Cluster | undefined): void;
}

/** How a registry creates its clusters. */
export interface ClusterRegistryOptions {
  /**
   * Creates the cluster of a context, or one that a feature has added. An empty name means the cluster that the flags and the current context
   * select. Reads no files and opens no connection.
   */
  readonly create: (name: string, added?: AddedCluster) => Cluster;
  /** Whether the context with this name is served below `/clusters/`. */
  readonly serves: (name: string) => boolean;
}

/**
 * The API servers that the proxy serves: that of `/`, and those below `/clusters/`, which are the kubeconfig's contexts and what features add.
 * It follows the changes of the kubeconfig.
 */
export class ClusterRegistry {
  /** The cluster of `/`. A kubeconfig without a current context at the start may get one later. */
  readonly default: Cluster;
  readonly #options: ClusterRegistryOptions;
  readonly #others = new Map<string, Cluster>();
  #contexts: readonly ContextSummary[] = [];
  /** All names that contexts have had. No other cluster gets one of them: saved kubeconfigs would lead there. */
  readonly #namesOfContexts = new Set<string>();
  readonly #added = new Map<string, AddedCluster>();
  #lists: Pick<ClusterRegistry, 'contexts' | 'names'> | undefined;

  constructor(options: ClusterRegistryOptions) {
    this.#options = options;
    this.default = options.create('');
    // The context of `/` may have a cluster of its own, which is no longer needed.
    this.default.attach({ close() {}, destroy() {}, replaced: () => this.#closeUnserved() });
  }

  /** All contexts of the kubeconfig, and after them what features have added. */
  get contexts(): readonly ContextSummary[] {
    return this.#listed.contexts;
  }

  /** The names of those that are served below `/clusters/`; the same object until they change. */
  get names(): ReadonlySet<string> {
    return this.#listed.names;
  }

  /** The cluster of this name; undefined if there is none, or if it is not served. */
  get(name: string): Cluster | undefined {
    if (!this.names.has(name)) return undefined;
    // Two sources of the same credential would log in twice, and could invalidate each other's refresh token.
    if (name === this.default.name) return this.default;
    let cluster = this.#others.get(name);
    if (cluster === undefined) {
      cluster = this.#options.create(name, this.#added.get(name));
      this.#others.set(name, cluster);
    }
    return cluster;
  }

  /** The cluster of `/`, and others that were requested before. */
  get used(): readonly Cluster[] {
    return [this.default, ...this.#others.values()];
  }

  /** The cluster of this name, if a feature has added it. */
  added(name: string): AddedCluster | undefined {
    return this.#added.get(name);
  }

  /** Updates the contexts of the kubeconfig. Open requests to a removed context go on, but new ones are not accepted. */
  update(contexts: readonly ContextSummary[]): void {
    if (JSON.stringify(this.#contexts) === JSON.stringify(contexts)) return;
    this.#contexts = contexts;
    for (const { name } of contexts) {
      this.#namesOfContexts.add(name);
      const displaced = this.#added.get(name);
      if (displaced === undefined) continue;
      displaced.displaced(this.#drop(name));
    }
    this.#lists = undefined;
    this.#closeUnserved();
  }

  /** Serves a cluster from now on. False if its name is, or was, that of a context. */
  add(cluster: AddedCluster): boolean {
    if (this.#namesOfContexts.has(cluster.name)) return false;
    this.#added.set(cluster.name, cluster);
    this.#lists = undefined;
    return true;
  }

  /** Serves an added cluster no longer. Its open requests go on. Returns it, if it was used. */
  remove(name: string): Cluster | undefined {
    return this.#added.has(name) ? this.#drop(name) : undefined;
  }

  /** Ends every connection, and stops following configurations. */
  close(): void {
    for (const cluster of this.used) cluster.destroy();
  }

  #drop(name: string): Cluster | undefined {
    const cluster = this.#others.get(name);
    this.#added.delete(name);
    this.#others.delete(name);
    this.#lists = undefined;
    cluster?.close();
    return cluster;
  }

  /** Made when they are asked for: hundreds of clusters may be added at once. */
  get #listed(): Pick<ClusterRegistry, 'contexts' | 'names'> {
    if (this.#lists === undefined) {
      const served = this.#contexts.map(({ name }) => name).filter(this.#options.serves);
      this.#lists = {
        contexts: [...this.#contexts, ...this.#added.values()],
        names: new Set([...served, ...this.#added.keys()]),
      };
    }
    return this.#lists;
  }

  #closeUnserved(): void {
    for (const [name, cluster] of this.#others) {
      if (this.names.has(name) && name !== this.default.name) continue;
      this.#others.delete(name);
      cluster.close();
    }
  }
}
