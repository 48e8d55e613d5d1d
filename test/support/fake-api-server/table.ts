import { groupVersion, type ResourceType } from './discovery.js';
import { type KubeObject, orderFields } from './objects.js';
import { age, type Column, column, type Printer } from './table-cells.js';
import { customPrinter, printers } from './table-printers.js';

/** What a Table row contains besides its cells: nothing, the metadata (the default) or the whole object. */
export type RowObject = 'None' | 'Metadata' | 'Object';

/** `PartialObjectMetadata` of an object, with or without its own kind and apiVersion. */
export function toPartial(object: KubeObject, version: string): KubeObject {
  const { metadata } = orderFields(object);
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}

/** Column headings of a resource's Table. */
export function tableColumns(type: ResourceType): readonly Column[] {
  return printerOf(type).columns;
}

/** One row of a Table. */
export function tableRow(
  type: ResourceType,
  object: KubeObject,
  version: string,
  include: RowObject,
): unknown {
  const { columns, cells } = printerOf(type);
  const values = cells(object).map(cell => (cell === '\0' ? age(object.metadata.creationTimestamp) : cell));
  // Only Events begin with another column.
  const row = { cells: columns[0]?.name === 'Name' ? [object.metadata.name ?? '', ...values] : values };
  const endsInitialEvents = object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true';
  if (include === 'None' && !endsInitialEvents) return { ...row, object: null };
  const whole = orderFields({ ...object, kind: type.kind, apiVersion: groupVersion(type) });
  return { ...row, object: include === 'Object' ? whole : toPartial(object, version) };
}

/** The resources for which the API server has no printer. A Table of such a resource that has no rows has null in their place. */
const unprinted: ReadonlySet<string> = new Set([
  ...['limitranges', 'roles', 'clusterroles', 'csistoragecapacities', 'customresourcedefinitions'],
]);

/** `rows` of a Table without rows. */
export function noRows({ resource, custom }: ResourceType): readonly [] | null {
  return custom === undefined && unprinted.has(resource) ? null : [];
}

const nameAndAge: Printer = { columns: [column('Name'), column('Age')], cells: () => ['\0'] };

function printerOf({ group, resource, custom }: ResourceType): Printer {
  if (custom !== undefined) return customPrinter(custom.columns);
  return printers[group ? `${resource}.${group}` : resource] ?? nameAndAge;
}
