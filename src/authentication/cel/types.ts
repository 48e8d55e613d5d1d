/**
 * The static type of an expression, as cel-go's checker knows it. `dyn` and `any` are known at evaluation only; `any`, which claims are, cannot
 * be the range of a comprehension. `user` is `kubernetes.UserInfo`.
 */
export type CelType =
  | { readonly kind: 'bool' | 'int' | 'double' | 'string' | 'null' | 'dyn' | 'any' | 'user' }
  | { readonly kind: 'list' | 'optional'; readonly of: CelType }
  | { readonly kind: 'map'; readonly key: CelType; readonly of: CelType };

export const bool: CelType = { kind: 'bool' };
export const int: CelType = { kind: 'int' };
export const double: CelType = { kind: 'double' };
export const string: CelType = { kind: 'string' };
export const dyn: CelType = { kind: 'dyn' };
export const any: CelType = { kind: 'any' };

export function listOf(of: CelType): CelType {
  return { kind: 'list', of };
}

export function mapOf(key: CelType, of: CelType): CelType {
  return { kind: 'map', key, of };
}

export function optionalOf(of: CelType): CelType {
  return { kind: 'optional', of };
}

/** Whether the type is known at evaluation only. */
export function isUnknown({ kind }: CelType): boolean {
  return kind === 'dyn' || kind === 'any';
}

/** The most specific type that has the values of both; undefined if their values never agree. An unknown type agrees with every type. */
export function join(one: CelType, other: CelType): CelType | undefined {
  if (isUnknown(other)) return other;
  if (isUnknown(one)) return one;
  if (!('of' in one) || !('of' in other)) return one.kind === other.kind ? one : undefined;
  const of = join(one.of, other.of);
  if (of === undefined || one.kind !== other.kind) return undefined;
  if (one.kind !== 'map' || other.kind !== 'map') return { kind: one.kind as 'list', of };
  const key = join(one.key, other.key);
  return key && mapOf(key, of);
}

/** How cel-go writes a type. */
export function describe(type: CelType): string {
  if (type.kind === 'map') return `map(${describe(type.key)}, ${describe(type.of)})`;
  return 'of' in type ? `${type.kind}(${describe(type.of)})` : type.kind;
}
