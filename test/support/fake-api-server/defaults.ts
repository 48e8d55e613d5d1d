import { randomBytes, randomUUID } from 'node:crypto';
import type { ResourceType } from './discovery.js';
import { isRecord, type KubeObject, timestamp } from './objects.js';
import { invalid } from './status-failure.js';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainProblem =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start " +
  "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

/** Throws 422 for an object without a valid name, or a pod without containers. */
export function validate(type: ResourceType, object: KubeObject): void {
  const { name } = object.metadata;
  const causes = [];
  if (!name) {
    const message = 'Required value: name or generateName is required';
    causes.push({ reason: 'FieldValueRequired', message, field: 'metadata.name' });
  } else if (type.group !== 'rbac.authorization.k8s.io' && !subdomain.test(name)) {
    const message = `Invalid value: "${name}": ${subdomainProblem}`;
    causes.push({ reason: 'FieldValueInvalid', message, field: 'metadata.name' });
  }
  const containers = record(object['spec'])['containers'];
  if (type.kind === 'Pod' && (!Array.isArray(containers) || containers.length === 0)) {
    causes.push({ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.containers' });
  }
  if (causes.length > 0) throw invalid(type.kind, type.group, name ?? '', causes);
}

function withPodDefaults(object: KubeObject): KubeObject {
  const spec = record(object['spec']);
  const containers = (Array.isArray(spec['containers']) ? spec['containers'] : []).map(container => ({
    ...record(container),
    resources: record(record(container)['resources']),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: record(container)['imagePullPolicy'] ?? 'IfNotPresent',
  }));
  const started = { running: { startedAt: timestamp() } };
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(type => ({
    type,
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: timestamp(),
  }));
  const statuses = containers.map(container => {
    const { name, image } = container as Record<string, unknown>;
    const fixed = { lastState: {}, ready: true, restartCount: 0, started: true };
    return { name, state: started, ...fixed, image, imageID: String(image) };
  });
  return {
    ...object,
    spec: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      nodeName: 'node-0',
      securityContext: {},
      schedulerName: 'default-scheduler',
      ...spec,
      containers,
    },
    status: {
      phase: 'Running',
      conditions,
      hostIP: '192.0.2.10',
      podIP: '192.0.2.20',
      podIPs: [{ ip: '192.0.2.20' }],
      startTime: timestamp(),
      containerStatuses: statuses,
      qosClass: 'BestEffort',
      ...record(object['status']),
    },
  };
}

/** A deployment in the state that its controller sets when every replica is ready. */
function withDeploymentDefaults(object: KubeObject): KubeObject {
  const spec: Record<string, unknown> = { replicas: 1, ...record(object['spec']) };
  const replicas = Number(spec['replicas']);
  const when = { lastUpdateTime: timestamp(), lastTransitionTime: timestamp() };
  const conditions = [
    {
      type: 'Available',
      status: 'True',
      ...when,
      reason: 'MinimumReplicasAvailable',
      message: 'Deployment has minimum availability.',
    },
    {
      type: 'Progressing',
      status: 'True',
      ...when,
      reason: 'NewReplicaSetAvailable',
      message: 'The replica set has successfully progressed.',
    },
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
 * Fills in the fields that the API server and its controllers set: name from generateName, uid, times, defaults of the kind,
 * and a healthy status (a pod runs, a deployment is available).
 */
export function prepareForCreate(type: ResourceType, object: KubeObject, namespace: string): KubeObject {
  const { name, generateName, resourceVersion: _resourceVersion, ...rest } = object.metadata;
  const generated = generateName ? `${generateName}${randomBytes(3).toString('hex').slice(0, 5)}` : undefined;
  const finalName = name || generated;
  const hasGeneration = ['Pod', 'Deployment'].includes(type.kind);
  const prepared: KubeObject = {
    ...object,
    metadata: {
      ...(finalName ? { name: finalName } : {}),
      ...(generateName ? { generateName } : {}),
      ...(type.namespaced ? { namespace } : {}),
      ...rest,
      uid: randomUUID(),
      ...(hasGeneration ? { generation: 1 } : {}),
      creationTimestamp: timestamp(),
    },
  };
  validate(type, prepared);
  return prepareForUpdate(type, kindDefaults[type.kind]?.(prepared) ?? prepared);
}

/** Updates the status of a changed object like its controller: a deployment is ready at once. */
export function prepareForUpdate(type: ResourceType, object: KubeObject): KubeObject {
  if (type.kind === 'Deployment') return withDeploymentDefaults(object);
  return type.kind === 'Secret' ? withSecretData(object) : object;
}
