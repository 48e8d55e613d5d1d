import type { ContextSummary } from '../kubeconfig/followed-kubeconfig.js';
import type { Cluster } from './cluster.js';

/** How a registry creates its clusters. */
export interface ClusterRegistryOptions {
  /**
   * Creates the cluster of a context. An empty name means the cluster that the flags and the current context select. Reads no files and
   * opens no connection.
   */
  readonly create: (name: string) => Cluster;
  /** Whether the context with this name is served below `/clusters/`. */
  readonly serves: (name: string) => boolean;
}

/**
 * The API servers that the proxy serves: that of `/`, and those of the kubeconfig's contexts below `/clusters/`. It follows the changes of
 * the kubeconfig.
 */
export class ClusterRegistry {
  /** The cluster of `/`. It belongs to the current context, which may change. */
  readonly default: Cluster;
  readonly #options: ClusterRegistryOptions;
  readonly #others = new Map<string, Cluster>();
  /** All contexts of the kubeconfig. */
  contexts: readonly ContextSummary[] = [];
  /** The names of the contexts that are served below `/clusters/`. */
  names: ReadonlySet<string> = new Set();

  constructor(options: ClusterRegistryOptions) {
    this.#options = options;
    this.default = options.create('');
    // The context of `/` may have a cluster of its own, which is no longer needed.
    this.default.whenReplaced(() => this.#closeUnserved());
  }

  /** The cluster of a context; undefined if the context does not exist or is not served. */
  get(name: string): Cluster | undefined {
    if (!this.names.has(name)) return undefined;
    // Two sources of the same credential would log in twice, and could invalidate each other's refresh token.
    if (name === this.default.name) return this.default;
    let cluster = this.#others.get(name);
    if (cluster === undefined) {
      cluster = this.#options.create(name);
      this.#others.set(name, cluster);
    }
    return cluster;
  }

  /** The cluster of `/`, and those of other contexts that were requested before. */
  get used(): readonly Cluster[] {
    return [this.default, ...this.#others.values()];
  }

  /** Updates the contexts of the kubeconfig. Open requests to a removed context go on, but new ones are not accepted. */
  update(contexts: readonly ContextSummary[]): void {
    if (JSON.stringify(this.contexts) === JSON.stringify(contexts)) return;
    this.contexts = contexts;
    this.names = new Set(contexts.map(({ name }) => name).filter(this.#options.serves));
    this.#closeUnserved();
  }

  /** Ends every connection, and stops following configurations. */
  close(): void {
    for (const cluster of this.used) cluster.destroy();
  }

  #closeUnserved(): void {
    for (const [name, cluster] of this.#others) {
      if (this.names.has(name) && name !== this.default.name) continue;
      this.#others.delete(name);
      cluster.close();
    }
  }
}
