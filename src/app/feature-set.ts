import type { Registry } from 'prom-client';
import type { UsedMethod } from '../authentication/authentication.js';
import { clusters } from '../endpoints/clusters.js';
import { index } from '../endpoints/index-page.js';
import { livez, metrics, readyz } from '../endpoints/monitoring.js';
import type { OwnEndpoint, ServedOwnEndpoint } from '../endpoints/own-endpoint.js';
import type { AnyFeature, Command, Core, FeatureParts, Problems } from '../feature.js';
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

/** What the features that the options turn on were made as. */
export interface CreatedFeatures {
  readonly parts: readonly FeatureParts[];
  /** Every method that the options turn on, in the order in which they are asked. */
  readonly methods: readonly UsedMethod[];
}

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
   * problems. A method or a listener that is on, and of which nothing was made, is one: it must not mean that nobody is authenticated, or
   * that nothing is encrypted.
   */
  async create(options: Options, core: Core, components: Components): Promise<CreatedFeatures | Problems> {
    const created = await Promise.all(
      [...this.#metrics].map(async ([{ method, listener, create }, metrics]) => ({
        method: method?.isOn(options) === true ? method : undefined,
        listener: listener?.isOn(options) === true ? listener : undefined,
        made: await create?.(options, core, metrics),
      })),
    );
    const parts: FeatureParts[] = [];
    const methods: UsedMethod[] = [];
    const problems: string[] = [];
    let isComplete = true;
    for (const { method, listener, made } of created) {
      if (made !== undefined && 'problems' in made) {
        isComplete = false;
        problems.push(...made.problems);
        continue;
      }
      if (made !== undefined) parts.push(components.add(made));
      if (listener !== undefined && made?.listener === undefined) {
        problems.push(`${listener.flag}: the program made no listener of it`);
      }
      if (method === undefined) continue;
      if (made?.method !== undefined) methods.push({ ...method, ...made.method });
      else problems.push(`${method.flag}: the program made no method of authentication of it`);
    }
    return isComplete && problems.length === 0 ? { parts, methods } : { problems };
  }
}

/** The endpoints of the core below `/-/`, in the order of the index. Their mounts follow from this list. */
export const ownEndpoints = [index, clusters, metrics, livez, readyz] as const;

/** The endpoints of the features and of the core that the options turn on, in the order of the index. */
export function servedOwnEndpoints(options: Options): readonly ServedOwnEndpoint[] {
  const endpoints: readonly OwnEndpoint<Options>[] = [
    ...all.flatMap(feature => feature.endpoints ?? []),
    ...ownEndpoints,
  ];
  return endpoints
    .filter(endpoint => endpoint.isServed?.(options) ?? true)
    .map(endpoint => ({ ...endpoint, create: parts => endpoint.create(parts, options) }));
}

/** The command of this name; undefined if no feature has it. */
export function commandOf(name: string): Command<Options> | undefined {
  return all.find(({ command }) => command?.name === name)?.command;
}

/** Whether a feature that the options turn on follows SIGHUP. */
export function followsHangup(options: Options): boolean {
  return all.some(feature => feature.followsHangup?.(options) === true);
}
