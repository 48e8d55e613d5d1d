import type { ValueType } from './value-type.js';

/** The headings of --help, in their order. */
export const optionGroups = [
  'Listening',
  'Authentication',
  'Filter',
  'Limits',
  'API server',
  'Credentials',
  'Logging',
  'General',
] as const;

export type OptionGroup = (typeof optionGroups)[number];

/** One option: how its string is parsed, its default as a user would write it, and one sentence about it. */
export interface OptionDefinition<T> {
  readonly type: ValueType<T>;
  readonly short?: string;
  readonly default: string;
  readonly group: OptionGroup;
  readonly help: string;
  /** Only a flag can set it, not the environment or the file. */
  readonly flagOnly?: true;
}

/** Options by key. The keys are the fields of the options' values and, in kebab-case, the flags. */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition<unknown>>>;

/** The option's name on the command line, without its dashes, and in the configuration file. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

/** The values of options, by the same keys. */
export type OptionValues<D> = {
  readonly [K in keyof D]: D[K] extends { readonly type: ValueType<infer T> } ? T : never;
};

/** A part that has its own options: a group, a guard, an authentication method. */
export interface OptionOwner {
  readonly options: OptionDefinitions;
  /**
   * The problems of options that are valid separately but not together, one line each. It may read the options of other owners.
   *
   * @param given The keys of the options that are set, be it to their defaults.
   * @param facts What it may ask about other parts.
   */
  problems?(options: never, given: ReadonlySet<string>, facts: never): readonly string[];
}

type Ungrouped = Omit<OptionDefinition<unknown>, 'group'>;
type Grouped<D> = { readonly [K in keyof D]: OptionDefinition<OptionValues<D>[K]> };

/** Defines options of one group of --help. */
export function defineOptions<D extends Readonly<Record<string, Ungrouped>>>(
  group: OptionGroup,
  definitions: D,
): Grouped<D> {
  const grouped = Object.entries(definitions).map(([key, definition]) => [key, { ...definition, group }]);
  return Object.fromEntries(grouped) as Grouped<D>;
}

/** The intersection of the members of a union: a value of it is a value of each member. */
export type IntersectionOf<Union> = (Union extends unknown ? (member: Union) => void : never) extends (
  member: infer All,
) => void
  ? All
  : never;

/** The options of all members of a list. */
export type MergedOptions<Owners extends readonly OptionOwner[]> = IntersectionOf<Owners[number]['options']>;

/** The options of all members of a list, in its order. */
export function mergeOptions<const Owners extends readonly OptionOwner[]>(
  owners: Owners,
): MergedOptions<Owners> {
  return Object.assign({}, ...owners.map(({ options }) => options)) as MergedOptions<Owners>;
}
