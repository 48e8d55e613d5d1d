import { randomUUID } from 'node:crypto';
import { invalid } from './status-failure.js';

/** `metadata` as apimachinery's ObjectMeta, with the fields that this server reads or writes. */
export interface ObjectMeta {
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [field: string]: unknown;
}

/** Any Kubernetes object; the fields besides kind, apiVersion and metadata depend on the kind. */
export interface KubeObject {
  kind: string;
  apiVersion: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** True for a JSON object, false for arrays, null and scalars. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const metadataOrder = [
  ...['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp'],
  ...['labels', 'annotations', 'ownerReferences', 'finalizers', 'managedFields'],
];

/** The same object with its fields in the API server's order, without empty maps. */
export function orderFields(object: KubeObject): KubeObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  const ordered: ObjectMeta = {};
  for (const field of metadataOrder) {
    const value = metadata[field];
    if (value === undefined || (isRecord(value) && Object.keys(value).length === 0)) continue;
    ordered[field] = value;
  }
  return { kind, apiVersion, metadata: ordered, ...rest };
}

/** The current time as Kubernetes writes it: RFC 3339 in UTC, whole seconds. */
export function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** A new object with the fields that the API server sets. */
export function newObject(
  type: { readonly kind: string; readonly namespaced: boolean },
  object: KubeObject,
  namespace: string,
): KubeObject {
  const { name, resourceVersion: _resourceVersion, ...rest } = object.metadata;
  if (!name) throw invalid(`${type.kind} "" is invalid: metadata.name: Required value`);
  return {
    ...object,
    metadata: {
      name,
      ...(type.namespaced ? { namespace } : {}),
      ...rest,
      uid: randomUUID(),
      ...(object['spec'] === undefined ? {} : { generation: 1 }),
      creationTimestamp: timestamp(),
    },
  };
}
