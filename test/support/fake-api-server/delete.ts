import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, sendJson } from './exchange.js';
import { readBodyObject } from './object-body.js';
import { isRecord, type KubeObject, timestamp } from './objects.js';
import { negotiate, representList } from './representation.js';
import { readSelector } from './selectors.js';
import { staleVersion } from './status-failure.js';
import { findObject, isDryRun, sendObject } from './write.js';

/** Removes an object, and with a namespace its objects. An object with finalizers only gets its deletionTimestamp. */
export function removeObject(cluster: Cluster, type: ResourceType, object: KubeObject): KubeObject {
  const { namespace = '', name = '', finalizers = [] } = object.metadata;
  if (finalizers.length > 0) {
    const metadata = {
      ...object.metadata,
      deletionTimestamp: object.metadata.deletionTimestamp ?? timestamp(),
    };
    return cluster.store.write(type, { ...object, metadata });
  }
  if (type.kind === 'Namespace') {
    for (const other of cluster.api.all.filter(entry => entry.namespaced)) {
      for (const content of cluster.store.list(other, name)) removeObject(cluster, other, content);
    }
  }
  return cluster.store.remove(type, namespace, name) ?? object;
}

// Pods and namespaces end gracefully, so the API server answers their deletion with the object, not with a Status.
const gracefulKinds = new Set(['Pod', 'Namespace']);

async function readDeleteOptions(exchange: Exchange): Promise<Record<string, unknown>> {
  const { headers } = exchange.request;
  const empty =
    headers['content-length'] === '0' || !(headers['content-length'] || headers['transfer-encoding']);
  return empty ? {} : readBodyObject(exchange, 'DeleteOptions');
}

/** Answers a delete; honours preconditions and dryRun in the body. */
export async function deleteObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const options = await readDeleteOptions(exchange);
  const object = findObject(cluster, type, exchange);
  const { name } = exchange.attributes;
  const preconditions = isRecord(options['preconditions']) ? options['preconditions'] : {};
  for (const [field, value] of Object.entries(preconditions)) {
    if (value !== undefined && value !== object.metadata[field]) throw staleVersion(type, name);
  }
  const dry = isDryRun(exchange) || (Array.isArray(options['dryRun']) && options['dryRun'].includes('All'));
  const removed = dry ? object : removeObject(cluster, type, object);
  if (gracefulKinds.has(type.kind) || removed.metadata.finalizers?.length) {
    const metadata = { ...removed.metadata, deletionTimestamp: timestamp(), deletionGracePeriodSeconds: 30 };
    sendObject(exchange, type, 200, { ...removed, metadata });
    return;
  }
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
  await readDeleteOptions(exchange);
  const selected = cluster.store
    .list(type, type.namespaced ? exchange.attributes.namespace : '')
    .filter(readSelector(exchange.query));
  const removed = isDryRun(exchange) ? selected : selected.map(object => removeObject(cluster, type, object));
  const representation = negotiate(exchange.request.headers.accept, exchange.query);
  const metadata = { resourceVersion: String(cluster.store.version) };
  sendJson(exchange, 200, representList(type, removed, metadata, representation));
}
