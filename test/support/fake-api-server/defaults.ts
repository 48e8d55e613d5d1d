import { randomBytes, randomUUID } from 'node:crypto';
import type { ResourceType } from './discovery.js';
import { isRecord, type KubeObject, timestamp } from './objects.js';
import { invalid } from './status-failure.js';

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function withPodDefaults(object: KubeObject): KubeObject {
  const spec = { nodeName: 'node-0', ...record(object['spec']) } as Record<string, unknown>;
  const containers = (spec['containers'] ?? []) as { readonly name: string; readonly image: string }[];
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(type => ({
    type,
    status: 'True',
    lastTransitionTime: timestamp(),
  }));
  const containerStatuses = containers.map(({ name, image }) => ({
    name,
    state: { running: { startedAt: timestamp() } },
    ready: true,
    restartCount: 0,
    image,
    imageID: image,
  }));
  const running = { phase: 'Running', conditions, podIP: '192.0.2.20', startTime: timestamp() };
  return { ...object, spec, status: { ...running, containerStatuses, ...record(object['status']) } };
}

/** A deployment in the state that its controller sets when every replica is ready. */
function withDeploymentDefaults(object: KubeObject): KubeObject {
  const spec: Record<string, unknown> = { replicas: 1, ...record(object['spec']) };
  const replicas = Number(spec['replicas']);
  const isTrue = { status: 'True', lastUpdateTime: timestamp(), lastTransitionTime: timestamp() };
  const conditions = [
    { type: 'Available', ...isTrue, reason: 'MinimumReplicasAvailable' },
    { type: 'Progressing', ...isTrue, reason: 'NewReplicaSetAvailable' },
  ];
  const counts =
    replicas > 0
      ? { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas }
      : {};
  const observedGeneration = object.metadata.generation ?? 1;
  return { ...object, spec, status: { observedGeneration, ...counts, conditions } };
}

function withSecretData(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object;
  const encoded = Object.entries(record(stringData)).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString('base64'),
  ]);
  const data = { ...record(object['data']), ...Object.fromEntries(encoded) };
  const type = object['type'] ?? 'Opaque';
  return Object.keys(data).length > 0 ? { ...rest, data, type } : { ...rest, type };
}

function withServiceDefaults(object: KubeObject): KubeObject {
  const spec = record(object['spec']);
  const ports = (Array.isArray(spec['ports']) ? spec['ports'] : []).map(port => ({
    protocol: 'TCP',
    targetPort: record(port)['port'],
    ...record(port),
  }));
  const address = `10.96.0.${1 + ((randomBytes(1)[0] ?? 0) % 254)}`;
  const fixed = { type: 'ClusterIP', sessionAffinity: 'None', clusterIP: address, clusterIPs: [address] };
  return { ...object, spec: { ...fixed, ...spec, ports }, status: { loadBalancer: {} } };
}

const kindDefaults: Readonly<Record<string, (object: KubeObject) => KubeObject>> = {
  Pod: withPodDefaults,
  Deployment: withDeploymentDefaults,
  Secret: withSecretData,
  Service: withServiceDefaults,
  Namespace: object => {
    const labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name ?? '' };
    const metadata = { ...object.metadata, labels };
    return { ...object, metadata, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
  },
};

/**
 * Fills in the fields that the API server and its controllers set: uid, times, defaults of the kind, and a healthy status (a pod
 * runs, a deployment is available).
 */
export function prepareForCreate(type: ResourceType, object: KubeObject, namespace: string): KubeObject {
  const { name, resourceVersion: _resourceVersion, ...rest } = object.metadata;
  if (!name) throw invalid(`${type.kind} "" is invalid: metadata.name: Required value`);
  const hasGeneration = ['Pod', 'Deployment'].includes(type.kind);
  const prepared: KubeObject = {
    ...object,
    metadata: {
      name,
      ...(type.namespaced ? { namespace } : {}),
      ...rest,
      uid: randomUUID(),
      ...(hasGeneration ? { generation: 1 } : {}),
      creationTimestamp: timestamp(),
    },
  };
  return prepareForUpdate(type, kindDefaults[type.kind]?.(prepared) ?? prepared);
}

/** Updates the status of a changed object like its controller: a deployment is ready at once. */
export function prepareForUpdate(type: ResourceType, object: KubeObject): KubeObject {
  if (type.kind === 'Deployment') return withDeploymentDefaults(object);
  return type.kind === 'Secret' ? withSecretData(object) : object;
}
