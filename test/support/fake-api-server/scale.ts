import type { Cluster } from './cluster.js';
import { prepareForUpdate } from './defaults.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, readBody, sendJson } from './exchange.js';
import { mergePatch } from './merge-patch.js';
import { isRecord, type KubeObject } from './objects.js';
import { methodNotAllowed, staleVersion } from './status-failure.js';
import { findObject } from './write.js';

function toScale(object: KubeObject): Record<string, unknown> {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = isRecord(object['spec']) ? (object['spec']['replicas'] ?? 1) : 1;
  const metadata = { name, namespace, uid, resourceVersion, creationTimestamp };
  return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec: { replicas }, status: { replicas } };
}

/** Answers get, update and patch of the scale subresource with an autoscaling/v1 Scale. */
export async function serveScale(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const { verb, name } = exchange.attributes;
  const object = findObject(cluster, type, exchange);
  if (verb === 'get') {
    sendJson(exchange, 200, toScale(object));
    return;
  }
  if (verb !== 'update' && verb !== 'patch') throw methodNotAllowed();
  const sent: unknown = JSON.parse((await readBody(exchange.request)).toString());
  const scale = mergePatch(toScale(object), sent) as {
    metadata: { resourceVersion?: string };
    spec: { replicas: number };
  };
  const { resourceVersion } = scale.metadata;
  if (resourceVersion && resourceVersion !== object.metadata.resourceVersion) throw staleVersion(type, name);
  const spec = { ...(object['spec'] as object), replicas: scale.spec.replicas };
  const generation = (object.metadata.generation ?? 1) + 1;
  const changed = { ...object, metadata: { ...object.metadata, generation }, spec };
  sendJson(exchange, 200, toScale(cluster.store.write(type, prepareForUpdate(type, changed))));
}
