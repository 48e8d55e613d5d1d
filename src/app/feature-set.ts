import type { Registry } from 'prom-client';
import type { UsedMethod } from '../authentication/configure.js';
import type { CoreMethod, MethodParts } from '../authentication/method.js';
import type { OwnEndpoint, ServedEndpoint } from '../endpoints/own-endpoint.js';
import { ownEndpoints } from '../endpoints/own-endpoints.js';
import type { AnyFeature, Core, FeatureParts, Problems } from '../feature.js';
import { features } from '../features.js';
import type { Guard } from '../guard/guard.js';
import { guards, inOrder } from '../guard/guards.js';
import { coreMethods } from '../options/methods.js';
import type { Options } from '../options/table.js';
import type { Components } from './components.js';

/** What features of all kinds are created with. */
type WholeCore = Core & MethodParts;

/** A method of the core, as if it were a feature. */
function asFeature(method: CoreMethod<Options>): AnyFeature<Options> {
  return {
    name: method.name,
    method,
    create: (options, core) => (method.isOn(options) ? method.create(options, core as WholeCore) : undefined),
  };
}

const all: readonly AnyFeature<Options>[] = [
  ...coreMethods.map((method: CoreMethod<Options>) => asFeature(method)),
  ...features,
];

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
   * problems. A method that is on, and of which nothing was made, is one: it must not mean that nobody is authenticated.
   */
  async create(
    options: Options,
    core: WholeCore,
    components: Components,
  ): Promise<CreatedFeatures | Problems> {
    const created = await Promise.all(
      [...this.#metrics].map(async ([{ method, create }, metrics]) => ({
        method: method?.isOn(options) === true ? method : undefined,
        made: await create?.(options, core, metrics),
      })),
    );
    const parts: FeatureParts[] = [];
    const methods: UsedMethod[] = [];
    const problems: string[] = [];
    for (const { method, made } of created) {
      if (made !== undefined && 'problems' in made) {
        problems.push(...made.problems);
        continue;
      }
      if (made !== undefined) parts.push(components.add(made));
      if (method === undefined) continue;
      if (made?.method !== undefined) methods.push({ ...method, ...made.method });
      else problems.push(`${method.flag}: the program made no method of authentication of it`);
    }
    return problems.length > 0 ? { problems } : { parts, methods };
  }
}

/** The endpoints of the features and of the core that the options turn on, in the order of the index. */
export function servedEndpoints(options: Options): readonly ServedEndpoint[] {
  const endpoints: readonly OwnEndpoint<Options>[] = [
    ...all.flatMap(feature => feature.endpoints ?? []),
    ...ownEndpoints,
  ];
  return endpoints
    .filter(endpoint => endpoint.isServed?.(options) ?? true)
    .map(endpoint => ({ ...endpoint, create: parts => endpoint.create(parts, options) }));
}

/** Whether a feature that the options turn on follows SIGHUP. */
export function followsHangup(options: Options): boolean {
  return all.some(feature => feature.followsHangup?.(options) === true);
}
