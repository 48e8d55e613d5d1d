import type { ApiResource } from './discovery.js';
import { isRecord } from './objects.js';

/** The parts of an OpenAPI v3 schema that the page reads. */
export interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

/** The document of one version of a group. */
export interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

/** One field, as `kubectl explain` describes it. */
export interface Field {
  readonly name: string;
  /** `string`, `[]Container`, `map[string]string`. */
  readonly type: string;
  readonly description: string;
  readonly isRequired: boolean;
  /** The schema of its own fields; undefined if it has none. */
  readonly schema: Schema | undefined;
}

/** The schema of a resource's objects; undefined if the document has none. */
export function schemaOf(
  document: OpenApiDocument,
  { group, version, kind }: ApiResource,
): Schema | undefined {
  return Object.values(document.components?.schemas ?? {}).find(schema =>
    schema['x-kubernetes-group-version-kind']?.some(
      entry => entry.group === group && entry.version === version && entry.kind === kind,
    ),
  );
}

/** The fields of a schema, sorted by name, after the fields that every object begins with. */
export function fieldsOf(document: OpenApiDocument, schema: Schema): readonly Field[] {
  const { properties = {}, required = [] } = resolved(document, schema);
  return Object.entries(properties).map(([name, property]) => {
    const target = resolved(document, property);
    const inner = innerOf(document, target);
    return {
      name,
      type: typeOf(document, property),
      description: property.description ?? target.description ?? '',
      isRequired: required.includes(name),
      schema: inner.properties === undefined ? undefined : inner,
    };
  });
}

/** The schema that a reference points to. A schema may refer to itself, because fields are read only one level at a time. */
function resolved(document: OpenApiDocument, schema: Schema, depth = 0): Schema {
  const [only] = schema.allOf ?? [];
  const reference = schema.$ref ?? only?.$ref;
  if (reference === undefined || depth > 8) return only === undefined ? schema : { ...only, ...schema };
  const name = reference.replace(/^#\/components\/schemas\//, '');
  const schemas = document.components?.schemas ?? {};
  const found = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  return isRecord(found) ? resolved(document, found as Schema, depth + 1) : {};
}

/** The schema of the items of a list or map. */
function innerOf(document: OpenApiDocument, schema: Schema): Schema {
  const { items, additionalProperties } = schema;
  if (items !== undefined) return innerOf(document, resolved(document, items));
  return isRecord(additionalProperties)
    ? innerOf(document, resolved(document, additionalProperties as Schema))
    : schema;
}

function typeOf(document: OpenApiDocument, schema: Schema): string {
  const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
  const target = resolved(document, schema);
  if (target.items !== undefined) return `[]${typeOf(document, target.items)}`;
  if (isRecord(target.additionalProperties)) {
    return `map[string]${typeOf(document, target.additionalProperties as Schema)}`;
  }
  if (target.properties !== undefined && reference !== undefined)
    return reference.split('.').at(-1) ?? 'object';
  return target.type ?? 'any';
}
