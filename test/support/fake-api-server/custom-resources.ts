import type { DiscoveryGroup, DiscoveryResource } from '../recorded-discovery.js';
import type { KubeObject } from './objects.js';

/** `spec` of a CustomResourceDefinition, with the fields that this server reads. */
interface DefinitionSpec {
  readonly group: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly names: {
    readonly plural: string;
    readonly singular: string;
    readonly kind: string;
    readonly shortNames?: readonly string[];
    readonly categories?: readonly string[];
  };
  readonly versions: readonly DefinitionVersion[];
}

interface DefinitionVersion {
  readonly name: string;
  readonly additionalPrinterColumns?: readonly PrinterColumn[];
  readonly schema?: { readonly openAPIV3Schema?: Readonly<Record<string, unknown>> };
}

/** A column of a custom resource's table. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly description?: string;
  readonly priority?: number;
  /** Field names, each with a dot before it. */
  readonly jsonPath: string;
}

const defaultColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];

/** The parts of one version of a CustomResourceDefinition that discovery does not list. */
export interface CustomDetails {
  readonly columns: readonly PrinterColumn[];
  readonly schema: Readonly<Record<string, unknown>>;
}

/** The resources that CustomResourceDefinitions add to an API. */
export interface CustomResources {
  readonly groups: readonly DiscoveryGroup[];
  /** By group, version and plural name, separated by slashes. */
  readonly details: ReadonlyMap<string, CustomDetails>;
}

/** Reads CustomResourceDefinitions. */
export function readDefinitions(definitions: readonly KubeObject[]): CustomResources {
  const details = new Map<string, CustomDetails>();
  const groups = new Map<string, Map<string, DiscoveryResource[]>>();
  for (const definition of definitions) {
    const { group, scope, names, versions } = definition['spec'] as DefinitionSpec;
    const known = groups.get(group) ?? new Map<string, DiscoveryResource[]>();
    groups.set(group, known);
    for (const { name: version, additionalPrinterColumns, schema } of versions) {
      const { plural, singular, kind, shortNames, categories } = names;
      const columns = additionalPrinterColumns ?? [defaultColumn];
      details.set(`${group}/${version}/${plural}`, { columns, schema: schema?.openAPIV3Schema ?? {} });
      const resource: DiscoveryResource = {
        ...{
          resource: plural,
          responseKind: { group, version, kind },
          scope,
          singularResource: singular,
          verbs,
        },
        ...(shortNames && { shortNames }),
        ...(categories && { categories }),
      };
      known.set(version, [...(known.get(version) ?? []), resource]);
    }
  }
  const list = [...groups].map(([name, versions]) => ({
    metadata: { name },
    versions: [...versions].map(([version, resources]) => ({ version, resources })),
  }));
  return { groups: list, details };
}
