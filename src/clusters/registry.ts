import type { ContextSummary } from '../kubeconfig/contexts.js';
import type { Cluster } from './cluster.js';

/** How a registry makes its clusters. */
export interface ClusterRegistryOptions {
  /** Makes the cluster of a context, or for an empty name the one that flags and the current context choose. Reads and dials nothing. */
  readonly create: (name: string) => Cluster;
  /** Whether the context of this name is served below `/clusters/`. */
  readonly serves: (name: string) => boolean;
  /** The contexts that are served have changed. */
  readonly onChange?: () => void;
}

/** The API servers that are served: that of `/`, and those of the kubeconfig's contexts below `/clusters/`. It follows the kubeconfig. */
export class ClusterRegistry {
  /** The cluster of `/`: that of the current context, whichever that is. */
  readonly default: Cluster;
  readonly #options: ClusterRegistryOptions;
  readonly #others = new Map<string, Cluster>();
  #contexts: readonly ContextSummary[] = [];
  #names: ReadonlySet<string> = new Set();

  constructor(options: ClusterRegistryOptions) {
    this.#options = options;
    this.default = options.create('');
    // The cluster of its context, if that is in use, is no longer needed.
    this.default.whenReplaced(() => this.#closeUnserved());
  }

  /** The contexts of the kubeconfig. */
  get contexts(): readonly ContextSummary[] {
    return this.#contexts;
  }

  /** Those that are served below `/clusters/`. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** The cluster of a context; undefined when there is no such context, or when it is not served. */
  get(name: string): Cluster | undefined {
    if (!this.#names.has(name)) return undefined;
    // Two sources of the same credential would log in twice, and could use up each other's refresh token.
    if (name === this.default.name) return this.default;
    let cluster = this.#others.get(name);
    if (cluster === undefined) {
      cluster = this.#options.create(name);
      this.#others.set(name, cluster);
    }
    return cluster;
  }

  /** Every cluster that has been asked for. */
  get used(): readonly Cluster[] {
    return [this.default, ...this.#others.values()];
  }

  /** The kubeconfig has these contexts now. Open requests to one that has gone go on; there are no new ones. */
  update(contexts: readonly ContextSummary[]): void {
    if (JSON.stringify(this.#contexts) === JSON.stringify(contexts)) return;
    this.#contexts = contexts;
    this.#names = new Set(contexts.map(({ name }) => name).filter(this.#options.serves));
    this.#closeUnserved();
    this.#options.onChange?.();
  }

  /** Ends every connection, and whatever follows a configuration. */
  close(): void {
    for (const cluster of this.used) cluster.destroy();
  }

  #closeUnserved(): void {
    for (const [name, cluster] of this.#others) {
      if (this.#names.has(name) && name !== this.default.name) continue;
      this.#others.delete(name);
      cluster.close();
    }
  }
}
