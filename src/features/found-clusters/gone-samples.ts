import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Core } from '../../feature.js';

interface GoneSamplesParts {
  /** All metrics of the program. */
  readonly registry: Registry;
  readonly metrics: Pick<Core['metrics'], 'forget'>;
  readonly clusters: Pick<Core['registry'], 'contexts'>;
}

/** Drops the samples of clusters that are gone. Hundreds may go at once, and all samples are looked through: once for those that go together. */
export class GoneSamples {
  readonly #parts: GoneSamplesParts;
  readonly #gone = new Set<string>();
  #dropping: Promise<void> | undefined;

  constructor(parts: GoneSamplesParts) {
    this.#parts = parts;
  }

  /** Drops those of one cluster, unless its name has come again, be it that of a context. No request to it may be open any longer. */
  drop(cluster: string): Promise<void> {
    this.#gone.add(cluster);
    this.#dropping ??= this.#dropAll();
    return this.#dropping;
  }

  async #dropAll(): Promise<void> {
    await setImmediate();
    this.#dropping = undefined;
    const { registry, metrics, clusters } = this.#parts;
    const gone = new Set(this.#gone);
    this.#gone.clear();
    for (const { name } of clusters.contexts) gone.delete(name);
    metrics.forget(gone);
    for (const metric of registry.getMetricsAsArray()) {
      // prom-client's types do not declare it.
      const { labelNames = [] } = metric as { readonly labelNames?: readonly string[] };
      if (!labelNames.includes('cluster') || !(metric instanceof Counter || metric instanceof Gauge))
        continue;
      await setImmediate();
      for (const { labels } of (await metric.get()).values) {
        const { cluster } = labels as { readonly cluster?: string };
        if (cluster !== undefined && gone.has(cluster)) metric.remove(labels);
      }
    }
  }
}
