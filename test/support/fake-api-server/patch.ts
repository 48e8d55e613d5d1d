import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, readBody } from './exchange.js';
import { type JsonPatchOperation, jsonPatch } from './json-patch.js';
import { apply } from './managed-fields.js';
import { mergePatch, strategicMerge } from './merge-patch.js';
import { mediaType, parseObject, toKubeObject } from './object-body.js';
import type { KubeObject } from './objects.js';
import { badRequest, invalid, notFound, unsupportedMediaType } from './status-failure.js';
import { createObject, fieldWriter, findObject, replaceObject } from './write.js';

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

function applyConfiguration(cluster: Cluster, type: ResourceType, exchange: Exchange, text: string): void {
  const { namespace, name, subresource } = exchange.attributes;
  if (!exchange.query.get('fieldManager')) {
    const message = 'Required value: is required for apply patch';
    const cause = { reason: 'FieldValueRequired', message, field: 'fieldManager' };
    throw invalid('PatchOptions', 'meta.k8s.io', '', [cause]);
  }
  const configuration = toKubeObject(exchange, type, parseObject(text, type.kind, true));
  if (configuration.metadata.managedFields) {
    throw badRequest('metadata.managedFields must be nil');
  }
  configuration.metadata.name ??= name;
  const live = cluster.store.get(type, type.namespaced ? namespace : '', name);
  if (!live && subresource !== '') throw notFound(type, name);
  const writer = fieldWriter(exchange, type, 'Apply');
  const applied = apply(live, configuration, writer, exchange.query.get('force') === 'true');
  if (live) replaceObject(cluster, type, exchange, live, applied);
  else createObject(cluster, type, exchange, applied);
}

function applyJsonPatch(type: ResourceType, live: KubeObject, text: string): unknown {
  let operations: unknown;
  try {
    operations = JSON.parse(text);
  } catch {
    operations = undefined;
  }
  if (!Array.isArray(operations)) throw badRequest('error decoding patch: not a list of operations');
  try {
    return jsonPatch(live, operations as JsonPatchOperation[]);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw invalid(type.kind, type.group, live.metadata.name ?? '', [
      { reason: 'FieldValueInvalid', message, field: 'patch' },
    ]);
  }
}

/** Answers the four kinds of patch by Content-Type; server-side apply also creates. */
export async function patchObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const media = mediaType(exchange);
  if (!(Object.values(patchTypes) as string[]).includes(media)) {
    throw unsupportedMediaType(Object.values(patchTypes));
  }
  const text = (await readBody(exchange.request)).toString();
  if (media === patchTypes.apply) {
    applyConfiguration(cluster, type, exchange, text);
    return;
  }
  const live = findObject(cluster, type, exchange);
  let patched: unknown;
  if (media === patchTypes.json) {
    patched = applyJsonPatch(type, live, text);
  } else {
    const patch = parseObject(text, type.kind, false);
    patched = media === patchTypes.merge ? mergePatch(live, patch) : strategicMerge(live, patch);
  }
  const object = toKubeObject(exchange, type, parseObject(JSON.stringify(patched), type.kind, false));
  const { managedFields } = live.metadata;
  if (managedFields) object.metadata.managedFields = managedFields;
  else delete object.metadata.managedFields;
  replaceObject(cluster, type, exchange, live, object);
}
