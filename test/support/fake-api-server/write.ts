import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from './cluster.js';
import { prepareForCreate, prepareForUpdate, validate } from './defaults.js';
import { groupVersion, type ResourceType } from './discovery.js';
import { type Exchange, sendJson } from './exchange.js';
import { type FieldWriter, trackUpdate } from './managed-fields.js';
import { type KubeObject, orderFields } from './objects.js';
import { negotiate, representObject } from './representation.js';
import { alreadyExists, badRequest, invalid, notFound, staleVersion } from './status-failure.js';

/** Parts of an object that a write to the object, or to its status subresource, does not change. */
function keepOtherPart(before: KubeObject, after: KubeObject, subresource: string): KubeObject {
  if (subresource === 'status') {
    const { managedFields } = after.metadata;
    const metadata = managedFields ? { ...before.metadata, managedFields } : before.metadata;
    return { ...before, metadata, status: after['status'] };
  }
  return before['status'] === undefined ? after : { ...after, status: before['status'] };
}

/** The manager of a write: the fieldManager parameter, otherwise the program in the User-Agent. */
export function fieldWriter(
  exchange: Exchange,
  type: ResourceType,
  operation: 'Apply' | 'Update',
): FieldWriter {
  const agent = exchange.request.headers['user-agent']?.split('/', 1)[0];
  const manager = exchange.query.get('fieldManager') || agent || 'unknown';
  const { subresource } = exchange.attributes;
  return {
    manager,
    operation,
    apiVersion: groupVersion(type),
    subresource: subresource === 'status' ? 'status' : '',
  };
}

function withManagedFields(
  exchange: Exchange,
  type: ResourceType,
  before: KubeObject | undefined,
  after: KubeObject,
): KubeObject {
  const managedFields = trackUpdate(before, after, fieldWriter(exchange, type, 'Update'));
  const { managedFields: _old, ...metadata } = after.metadata;
  return { ...after, metadata: managedFields.length > 0 ? { ...metadata, managedFields } : metadata };
}

/** True for dryRun=All; throws 422 for any other value. */
export function isDryRun(exchange: Exchange): boolean {
  const value = exchange.query.get('dryRun');
  if (value === null || value === '') return false;
  if (value === 'All') return true;
  throw invalid('CreateOptions', 'meta.k8s.io', '', [
    {
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: "${value}": supported values: "All"`,
      field: 'dryRun',
    },
  ]);
}

/** Answers with one object in the form that the client accepts. */
export function sendObject(exchange: Exchange, type: ResourceType, code: number, object: KubeObject): void {
  const representation = negotiate(exchange.request.headers.accept, exchange.query);
  sendJson(exchange, code, representObject(type, object, representation));
}

/** The named object; throws 404. */
export function findObject(cluster: Cluster, type: ResourceType, exchange: Exchange): KubeObject {
  const { namespace, name } = exchange.attributes;
  const object = cluster.store.get(type, type.namespaced ? namespace : '', name);
  if (!object) throw notFound(type, name);
  return object;
}

/** Stores a new object from the body of a request, or from a server-side apply that found no object; answers 201. */
export function createObject(
  cluster: Cluster,
  type: ResourceType,
  exchange: Exchange,
  sent: KubeObject,
): void {
  const { namespace } = exchange.attributes;
  if (type.namespaced) {
    if (sent.metadata.namespace && sent.metadata.namespace !== namespace) {
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    }
    if (!cluster.store.get({ group: '', resource: 'namespaces' }, '', namespace)) {
      throw notFound({ group: '', resource: 'namespaces' }, namespace);
    }
  }
  if (sent.metadata.resourceVersion) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  const prepared = prepareForCreate(type, sent, namespace);
  const object = sent.metadata.managedFields
    ? prepared
    : withManagedFields(exchange, type, undefined, prepared);
  const { name = '' } = object.metadata;
  if (cluster.store.get(type, object.metadata.namespace ?? '', name)) throw alreadyExists(type, name);
  sendObject(exchange, type, 201, isDryRun(exchange) ? object : cluster.store.write(type, object));
}

/**
 * Stores a changed object with the rules of an update: name and uid are the same, resourceVersion is not outdated, a write that
 * changes nothing keeps the version, and a deleted object is removed with its last finalizer.
 */
export function replaceObject(
  cluster: Cluster,
  type: ResourceType,
  exchange: Exchange,
  before: KubeObject,
  sent: KubeObject,
): void {
  const { name, subresource } = exchange.attributes;
  if (sent.metadata.name !== name) {
    throw badRequest(
      `the name of the object (${sent.metadata.name ?? ''}) does not match the name on the URL (${name})`,
    );
  }
  const { resourceVersion, uid } = sent.metadata;
  if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw staleVersion(type, name);
  if (uid && uid !== before.metadata.uid) throw staleVersion(type, name);
  const fixed = [
    'uid',
    'creationTimestamp',
    'resourceVersion',
    'namespace',
    'generation',
    'deletionTimestamp',
  ];
  const metadata = { ...sent.metadata };
  for (const field of fixed) {
    if (before.metadata[field] === undefined) delete metadata[field];
    else metadata[field] = before.metadata[field];
  }
  const changed = keepOtherPart(before, { ...sent, metadata }, subresource);
  if (metadata.generation !== undefined && !isDeepStrictEqual(changed['spec'], before['spec'])) {
    changed.metadata = { ...changed.metadata, generation: metadata.generation + 1 };
  }
  validate(type, changed);
  const settled = subresource === 'status' ? changed : prepareForUpdate(type, changed);
  const applied = sent.metadata.managedFields !== before.metadata.managedFields;
  const object = applied ? settled : withManagedFields(exchange, type, before, settled);
  if (isDryRun(exchange)) {
    sendObject(exchange, type, 200, object);
    return;
  }
  const unchanged = isDeepStrictEqual(withoutTimes(object), withoutTimes(before));
  const stored = unchanged ? before : cluster.store.write(type, object);
  if (stored.metadata.deletionTimestamp && (stored.metadata.finalizers ?? []).length === 0) {
    cluster.store.remove(type, stored.metadata.namespace ?? '', name);
  }
  sendObject(exchange, type, 200, stored);
}

function withoutTimes(object: KubeObject): unknown {
  const managedFields = object.metadata.managedFields?.map(({ time: _time, ...entry }) => entry);
  const { status, ...rest } = { ...object, metadata: { ...object.metadata, managedFields } } as KubeObject;
  const timeless = JSON.stringify(status ?? null).replace(/"last(?:Update|Transition)Time":"[^"]*"/g, '');
  return JSON.parse(JSON.stringify({ ...orderFields(rest as KubeObject), timeless }));
}
