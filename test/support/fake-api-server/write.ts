import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, readBody, sendJson } from './exchange.js';
import { readObject, readPatched } from './object-body.js';
import { type KubeObject, newObject } from './objects.js';
import { negotiate, representObject } from './representation.js';
import { alreadyExists, notFound, staleVersion } from './status-failure.js';

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
export async function createObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const sent = await readObject(exchange, type);
  const { namespace } = exchange.attributes;
  const namespaces = { group: '', resource: 'namespaces' };
  if (type.namespaced && !cluster.store.get(namespaces, '', namespace)) throw notFound(namespaces, namespace);
  const object = newObject(type, sent, namespace);
  const { name = '' } = object.metadata;
  if (cluster.store.get(type, object.metadata.namespace ?? '', name)) throw alreadyExists(type, name);
  sendObject(exchange, type, 201, cluster.store.write(type, object));
}

/** Stores a changed object, or its status, from the body of an update or a patch. Answers 409 for an outdated resourceVersion. */
export async function updateObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const { name, subresource, verb } = exchange.attributes;
  const body = verb === 'update' ? await readObject(exchange, type) : undefined;
  const before = findObject(cluster, type, exchange);
  const sent = body ?? (await readPatched(exchange, before));
  const { resourceVersion } = sent.metadata;
  if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw staleVersion(type, name);
  const { uid = '', namespace, creationTimestamp = '', generation = 1 } = before.metadata;
  const fixed = { uid, creationTimestamp, ...(namespace !== undefined && { namespace }) };
  const isStatus = subresource === 'status';
  const metadata = { ...sent.metadata, ...fixed, ...(sent['spec'] !== undefined && { generation }) };
  const after = isStatus
    ? { ...before, status: sent['status'] }
    : { ...sent, metadata, ...(before['status'] !== undefined && { status: before['status'] }) };
  sendObject(exchange, type, 200, cluster.store.write(type, after));
}

/** Answers a delete. The options in its body have no effect. */
export async function deleteObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  await readBody(exchange.request);
  const { namespace = '', name = '', uid } = findObject(cluster, type, exchange).metadata;
  cluster.store.remove(type, namespace, name);
  const details = { name, ...(type.group && { group: type.group }), kind: type.resource, uid };
  sendJson(exchange, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
}
