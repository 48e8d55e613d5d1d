import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from './cluster.js';
import { prepareForCreate, prepareForUpdate } from './defaults.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, sendJson } from './exchange.js';
import { type KubeObject, orderFields } from './objects.js';
import { negotiate, representObject } from './representation.js';
import { alreadyExists, badRequest, notFound, staleVersion } from './status-failure.js';

/** Parts of an object that a write to the object, or to its status subresource, does not change. */
function keepOtherPart(before: KubeObject, after: KubeObject, subresource: string): KubeObject {
  if (subresource === 'status') return { ...before, status: after['status'] };
  return before['status'] === undefined ? after : { ...after, status: before['status'] };
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

/** Stores a new object from the body of a request; answers 201. */
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
  const object = prepareForCreate(type, sent, namespace);
  const { name = '' } = object.metadata;
  if (cluster.store.get(type, object.metadata.namespace ?? '', name)) throw alreadyExists(type, name);
  sendObject(exchange, type, 201, cluster.store.write(type, object));
}

/** Metadata that a client's write does not change. */
const fixedMetadata = [
  ...['uid', 'creationTimestamp', 'resourceVersion', 'namespace', 'generation', 'deletionTimestamp'],
  'managedFields',
];

/**
 * Stores a changed object with the rules of an update: name and uid are the same, resourceVersion is not outdated, and a write
 * that changes nothing keeps the version.
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
  const metadata = { ...sent.metadata };
  for (const field of fixedMetadata) {
    if (before.metadata[field] === undefined) delete metadata[field];
    else metadata[field] = before.metadata[field];
  }
  const changed = keepOtherPart(before, { ...sent, metadata }, subresource);
  if (metadata.generation !== undefined && !isDeepStrictEqual(changed['spec'], before['spec'])) {
    changed.metadata = { ...changed.metadata, generation: metadata.generation + 1 };
  }
  const object = subresource === 'status' ? changed : prepareForUpdate(type, changed);
  const isSame = isDeepStrictEqual(withoutTimes(object), withoutTimes(before));
  sendObject(exchange, type, 200, isSame ? object : cluster.store.write(type, object));
}

function withoutTimes({ status, ...rest }: KubeObject): unknown {
  const timeless = JSON.stringify(status ?? null).replace(/"last(?:Update|Transition)Time":"[^"]*"/g, '');
  return JSON.parse(JSON.stringify({ ...orderFields(rest as KubeObject), timeless }));
}
