import type { Registry } from 'prom-client';
import type { AnyFeature, Core, FeatureParts } from '../feature.js';
import { features } from '../features.js';
import type { Guard } from '../guard/guard.js';
import { guards, inOrder } from '../guard/guards.js';
import type { Options } from '../options/table.js';
import type { Components } from './components.js';

const all: readonly AnyFeature<Options>[] = features;

/** Every reason that a guard gives, once. */
export const rejectionReasons: readonly string[] = [
  ...new Set(
    inOrder([...guards, ...all.flatMap(feature => feature.guards ?? [])]).flatMap(({ reasons }) => reasons),
  ),
];

/** The features of one program, with their metrics. */
export class FeatureSet {
  readonly #metrics: ReadonlyMap<AnyFeature<Options>, never>;

  /** Makes the metrics of all features, whether they are on or off. */
  constructor(registry: Registry) {
    this.#metrics = new Map(all.map(feature => [feature, feature.metrics?.(registry) as never]));
  }

  /** The guards of the core and of the features. */
  get guards(): readonly Guard[] {
    const added = [...this.#metrics].flatMap(([feature, metrics]) =>
      (feature.guards ?? []).map(guard => ({
        ...guard,
        create: (options: Options, parts: Parameters<Guard['create']>[1]) =>
          guard.create(options, parts, metrics),
      })),
    );
    return [...guards, ...added];
  }

  /** Creates the features that the options turn on. Their parts are among the components then. */
  create(options: Options, core: Core, components: Components): readonly FeatureParts[] {
    return [...this.#metrics].flatMap(([feature, metrics]) => {
      const parts = feature.create?.(options, core, metrics);
      return parts === undefined ? [] : [components.add(parts)];
    });
  }
}
