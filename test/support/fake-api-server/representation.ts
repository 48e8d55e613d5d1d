import { groupVersion, type ResourceType } from './discovery.js';
import { type KubeObject, orderFields } from './objects.js';
import { StatusFailure } from './status-failure.js';
import { type RowObject, tableColumns, tableRow, toPartial } from './table.js';

/** The media types that this server writes. */
export type MediaType = 'application/json' | 'application/vnd.kubernetes.protobuf';

/** The form of objects that a client gets, selected by its Accept header. */
export interface Representation {
  readonly form: 'object' | 'table' | 'partial';
  readonly mediaType: MediaType;
  /** Version of meta.k8s.io for Table and PartialObjectMetadata. */
  readonly version: string;
  readonly include: RowObject;
}

/** The part of a list's metadata that a client sees. */
export interface ListMetadata {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

function readMediaRange(range: string): { type: string; parameters: Map<string, string> } {
  const [type = '', ...rest] = range.split(';').map(part => part.trim());
  return { type, parameters: new Map(rest.map(part => part.split('=', 2) as [string, string])) };
}

const wildcards = ['application/*', '*/*'];

/** The first form in Accept's order that is among the media types; throws 406 if there is none. Tables exist only as JSON. */
export function negotiate(
  accept: string | undefined,
  query: URLSearchParams,
  mediaTypes: readonly MediaType[] = ['application/json'],
): Representation {
  const include = (query.get('includeObject') ?? 'Metadata') as RowObject;
  for (const range of (accept || '*/*').split(',')) {
    const { type, parameters } = readMediaRange(range);
    const mediaType = wildcards.includes(type) ? mediaTypes[0] : mediaTypes.find(known => known === type);
    if (mediaType === undefined) continue;
    const as = parameters.get('as');
    const version = parameters.get('v') ?? 'v1';
    if (as === undefined) return { form: 'object', mediaType, version: 'v1', include };
    if (parameters.get('g') !== 'meta.k8s.io') continue;
    if (as === 'Table' && mediaType === 'application/json') {
      return { form: 'table', mediaType, version, include };
    }
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return { form: 'partial', mediaType, version, include };
    }
  }
  const message = `only the following media types are accepted: ${mediaTypes.join(', ')}`;
  throw new StatusFailure(406, 'NotAcceptable', message);
}

/** A Table of any number of objects; without `columns` in later events of a watch. */
function toTable(
  type: ResourceType,
  objects: readonly KubeObject[],
  metadata: object,
  { version, include }: Representation,
  columns = true,
): Record<string, unknown> {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: columns ? tableColumns(type) : null,
    rows: objects.map(object => tableRow(type, object, version, include)),
  };
}

/** One object in the client's form, with the group version of its request. */
export function representObject(
  type: ResourceType,
  object: KubeObject,
  representation: Representation,
  columns = true,
): Record<string, unknown> {
  if (representation.form === 'partial') return toPartial(object, representation.version);
  if (representation.form === 'object') {
    return orderFields({ ...object, kind: type.kind, apiVersion: groupVersion(type) });
  }
  const { resourceVersion } = object.metadata;
  const metadata = resourceVersion === undefined ? {} : { resourceVersion };
  return toTable(type, [object], metadata, representation, columns);
}

/** A list of objects in the client's form; items have no kind or apiVersion of their own. */
export function representList(
  type: ResourceType,
  objects: readonly KubeObject[],
  metadata: ListMetadata,
  representation: Representation,
): Record<string, unknown> {
  const { form, version } = representation;
  if (form === 'table') return toTable(type, objects, metadata, representation);
  if (form === 'partial') {
    const items = objects.map(object => toPartial(object, version));
    return { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${version}`, metadata, items };
  }
  const items = objects.map(object => {
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = orderFields(object);
    return rest;
  });
  return { kind: `${type.kind}List`, apiVersion: groupVersion(type), metadata, items };
}
