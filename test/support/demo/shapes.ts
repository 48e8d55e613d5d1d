import { randomUUID } from 'node:crypto';
import type { KubeObject, ObjectMeta } from '../fake-api-server/objects.js';
import type { Random } from '../random.js';

/** What an object of the demo needs besides its kind. */
export interface Shape {
  readonly namespace?: string;
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly owner?: KubeObject;
  /** Seconds since it was created. */
  readonly age?: number;
}

const day = 86_400;

/** The time some seconds ago, as Kubernetes writes it. */
export function ago(seconds: number): string {
  return `${new Date(Date.now() - seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** An object with the metadata that the API server would give it. */
export function make(apiVersion: string, kind: string, shape: Shape, rest: object = {}): KubeObject {
  const { namespace, name, labels, annotations, owner, age = 40 * day } = shape;
  const metadata: ObjectMeta = {
    ...{ name, ...(namespace !== undefined && { namespace }), uid: randomUUID(), generation: 1 },
    ...{ creationTimestamp: ago(age), ...(labels && { labels }), ...(annotations && { annotations }) },
    ...(owner !== undefined && { ownerReferences: [referenceTo(owner)] }),
    managedFields: [managedBy(kind, ago(age), rest)],
  };
  return { kind, apiVersion, metadata, ...rest };
}

/** Which fields a manager set, as server-side apply records it, down to the second level. */
function managedBy(kind: string, time: string, rest: object) {
  const fields = Object.entries(rest).map(([name, value]) => {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    return [`f:${name}`, isMap ? Object.fromEntries(Object.keys(value).map(key => [`f:${key}`, {}])) : {}];
  });
  return {
    ...{ manager: kind === 'Pod' ? 'kube-controller-manager' : 'kubectl-client-side-apply' },
    ...{ operation: 'Update' as const, apiVersion: 'v1', time, fieldsType: 'FieldsV1' as const },
    fieldsV1: Object.fromEntries(fields) as Record<string, unknown>,
  };
}

function referenceTo({ apiVersion, kind, metadata: { name, uid } }: KubeObject) {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** `status.conditions` of an object in which everything works. */
export function conditions(types: readonly string[], age: number): object[] {
  return types.map(type => ({ type, status: 'True', lastProbeTime: null, lastTransitionTime: ago(age) }));
}

/** An Event about an object. */
export function event(
  about: KubeObject,
  happened: { readonly type?: 'Normal' | 'Warning'; readonly reason: string; readonly message: string },
  { from = 'kubelet', age = 0, count = 1 } = {},
): KubeObject {
  const { type = 'Normal', reason, message } = happened;
  const { namespace = 'default', name = '', uid } = about.metadata;
  const unique = randomUUID().replaceAll('-', '').slice(0, 16);
  return make(
    'v1',
    'Event',
    { namespace, name: `${name}.${unique}`, age },
    {
      involvedObject: { apiVersion: about.apiVersion, kind: about.kind, namespace, name, uid },
      ...{ type, reason, message, count, source: { component: from } },
      ...{ firstTimestamp: ago(age + 20 * (count - 1)), lastTimestamp: ago(age) },
    },
  );
}

/** A random suffix as controllers use it for names. */
export function suffix(random: Random, length: number): string {
  return Array.from({ length }, () => random.pick([...'bcdfghjklmnpqrstvwxz2456789'])).join('');
}

/** A container that runs one of the demo's images. */
export function container(name: string, image: string, port: number): object {
  return {
    ...{ name, image, imagePullPolicy: 'IfNotPresent', ports: [{ name: 'http', containerPort: port }] },
    env: [
      { name: 'LOG_LEVEL', value: 'info' },
      { name: 'DATABASE_PASSWORD', valueFrom: { secretKeyRef: { name: 'database', key: 'password' } } },
    ],
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
    ...{ terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File' },
  };
}

/** A Pod's status: every container runs. */
export function runningStatus(names: readonly string[], image: string, age: number, address: string): object {
  return {
    phase: 'Running',
    conditions: conditions(['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'], age),
    ...{ hostIP: '192.0.2.11', podIP: address, podIPs: [{ ip: address }], startTime: ago(age) },
    containerStatuses: names.map(name => ({
      ...{ name, image, imageID: image, ready: true, started: true, restartCount: 0, lastState: {} },
      state: { running: { startedAt: ago(age) } },
    })),
    qosClass: 'Burstable',
  };
}
