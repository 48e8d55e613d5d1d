import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, readBody, sendJson } from './exchange.js';
import { type KubeObject, timestamp } from './objects.js';
import { negotiate, representList } from './representation.js';
import { readSelector } from './selectors.js';
import { findObject, sendObject } from './write.js';

/** Removes an object, and with a namespace its objects. */
function removeObject(cluster: Cluster, type: ResourceType, object: KubeObject): KubeObject {
  const { namespace = '', name = '' } = object.metadata;
  if (type.kind === 'Namespace') {
    for (const other of cluster.api.all.filter(entry => entry.namespaced)) {
      for (const content of cluster.store.list(other, name)) removeObject(cluster, other, content);
    }
  }
  return cluster.store.remove(type, namespace, name) ?? object;
}

// Pods and namespaces end gracefully, so the API server answers their deletion with the object, not with a Status.
const gracefulKinds = new Set(['Pod', 'Namespace']);

/** Answers a delete. The options in its body have no effect. */
export async function deleteObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  await readBody(exchange.request);
  const object = findObject(cluster, type, exchange);
  const removed = removeObject(cluster, type, object);
  if (gracefulKinds.has(type.kind)) {
    const metadata = { ...removed.metadata, deletionTimestamp: timestamp(), deletionGracePeriodSeconds: 30 };
    sendObject(exchange, type, 200, { ...removed, metadata });
    return;
  }
  const { name } = exchange.attributes;
  const group = type.group ? { group: type.group } : {};
  const details = { name, ...group, kind: type.resource, uid: object.metadata.uid };
  sendJson(exchange, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
}

/** Answers a deletecollection with the list of what it removed. */
export async function deleteCollection(
  cluster: Cluster,
  type: ResourceType,
  exchange: Exchange,
): Promise<void> {
  await readBody(exchange.request);
  const selected = cluster.store
    .list(type, type.namespaced ? exchange.attributes.namespace : '')
    .filter(readSelector(exchange.query));
  const removed = selected.map(object => removeObject(cluster, type, object));
  const representation = negotiate(exchange.request.headers.accept, exchange.query);
  const metadata = { resourceVersion: String(cluster.store.version) };
  sendJson(exchange, 200, representList(type, removed, metadata, representation));
}
