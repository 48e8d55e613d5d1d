import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';

/** A value of a Helm chart: its path, its default, and the comment above it. */
export interface ChartValue {
  readonly path: string;
  readonly default: unknown;
  readonly comment: string;
}

/** The values of a values.yaml. A key with a comment is a value of any type; a key without a comment is a group of values. */
export function chartValues(yaml: string): ChartValue[] {
  const { contents, commentBefore } = parseDocument(yaml);
  return isMap(contents) ? valuesOf(contents, [], commentBefore) : [];
}

function valuesOf(map: YAMLMap, path: readonly string[], comment?: string | null): ChartValue[] {
  return map.items.flatMap((pair, index) => {
    const { key, value } = pair as Pair;
    const keys = [...path, String(key)];
    const written = (isScalar(key) && key.commentBefore) || (index === 0 && (map.commentBefore ?? comment));
    if (!written && isMap(value)) return valuesOf(value, keys);
    return [
      {
        path: keys.join('.'),
        default: isMap(value) ? value.toJSON() : JSON.parse(JSON.stringify(value)),
        comment: (written || '').replaceAll(/\n ?/g, ' ').trim(),
      },
    ];
  });
}
