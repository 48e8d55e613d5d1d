import type { Registry } from 'prom-client';
import type { AnyFeature, Core, FeatureParts, Problems } from '../feature.js';
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

  /**
   * Creates the features that the options turn on, all at the same time. Their parts are among the components then, also if there are
   * problems.
   */
  async create(
    options: Options,
    core: Core,
    components: Components,
  ): Promise<{ readonly parts: readonly FeatureParts[] } | Problems> {
    const created = await Promise.all(
      [...this.#metrics].map(([feature, metrics]) => feature.create?.(options, core, metrics)),
    );
    const parts = created.flatMap(made =>
      made === undefined || 'problems' in made ? [] : [components.add(made)],
    );
    const problems = created.flatMap(made => (made !== undefined && 'problems' in made ? made.problems : []));
    return problems.length > 0 ? { problems } : { parts };
  }
}

/** Whether a feature that the options turn on follows SIGHUP. */
export function followsHangup(options: Options): boolean {
  return all.some(feature => feature.followsHangup?.(options) === true);
}
