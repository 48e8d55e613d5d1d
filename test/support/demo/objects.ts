import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../fake-api-server/objects.js';
import type { Random } from '../random.js';

/** What an object of the demo needs besides its kind. The parts that are not named here are those of the object: `spec`, `status`, … */
interface Shape {
  readonly namespace?: string;
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly owner?: KubeObject;
  /** Seconds since it was created. */
  readonly age?: number;
  readonly [part: string]: unknown;
}

const apiVersions: Readonly<Record<string, string>> = {
  ...{ Deployment: 'apps/v1', ReplicaSet: 'apps/v1', StatefulSet: 'apps/v1' },
  ...{ Backup: 'storage.example.com/v1', CustomResourceDefinition: 'apiextensions.k8s.io/v1' },
};
const day = 86_400;

/** The time some seconds ago, as Kubernetes writes it. */
export function ago(seconds: number): string {
  return `${new Date(Date.now() - seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** An object with the metadata that the API server would give it. */
export function make(kind: string, shape: Shape): KubeObject {
  const { namespace, name, labels, owner, age = 40 * day, ...parts } = shape;
  const metadata = {
    ...{ name, ...(namespace !== undefined && { namespace }), uid: randomUUID(), generation: 1 },
    ...{ creationTimestamp: ago(age), ...(labels && { labels }) },
    ...(owner !== undefined && { ownerReferences: [referenceTo(owner)] }),
  };
  return { kind, apiVersion: apiVersions[kind] ?? 'v1', metadata, ...parts };
}

function referenceTo({ apiVersion, kind, metadata: { name, uid } }: KubeObject) {
  return { apiVersion, kind, name, uid, controller: true };
}

/** An Event about an object. */
export function event(about: KubeObject, reason: string, message: string, age = 0): KubeObject {
  const { apiVersion, kind } = about;
  const { namespace = 'default', name = '', uid } = about.metadata;
  return make('Event', {
    ...{ namespace, name: `${name}.${randomUUID().slice(0, 8)}`, age },
    involvedObject: { apiVersion, kind, namespace, name, uid },
    ...{ type: 'Normal', reason, message, count: 1, firstTimestamp: ago(age), lastTimestamp: ago(age) },
  });
}

/** A random suffix as controllers use it for names. */
export function suffix(random: Random, length: number): string {
  return Array.from({ length }, () => random.pick([...'bcdfghjklmnpqrstvwxz2456789'])).join('');
}

/** A Deployment of the demo. */
type App = readonly [namespace: string, name: string, replicas: number];

const apps: readonly App[] = [
  ['shop', 'storefront', 4],
  ['shop', 'cart', 3],
  ['shop', 'search', 2],
  ['payments', 'checkout', 3],
  ['payments', 'ledger', 2],
  ['monitoring', 'grafana', 1],
  ['kube-system', 'coredns', 2],
  ['default', 'hello', 2],
];
const nodeNames = ['control-0', 'worker-0', 'worker-1', 'worker-2'] as const;

const container = (name: string) => ({
  ...{ name, image: `registry.example.com/${name}:1.4.2`, ports: [{ name: 'http', containerPort: 8080 }] },
});

/** A Pod that runs. */
export function podOf(random: Random, owner: KubeObject, app: string, name: string, age: number): KubeObject {
  const { namespace = '' } = owner.metadata;
  const { image } = container(app);
  return make('Pod', {
    ...{ namespace, name, labels: { app, team: namespace }, owner, age },
    spec: { containers: [container(app)], nodeName: random.pick(nodeNames.slice(1)) },
    status: {
      ...{ phase: 'Running', startTime: ago(age), podIP: `10.244.0.${2 + random.below(250)}` },
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ago(age) }],
      containerStatuses: [
        { name: app, image, ready: true, restartCount: 0, state: { running: { startedAt: ago(age) } } },
      ],
    },
  });
}

/** The Events of scheduler and kubelet about a Pod's start. */
export function startEvents(pod: KubeObject, age: number): readonly KubeObject[] {
  const { namespace, name, labels } = pod.metadata;
  const { nodeName } = pod['spec'] as { nodeName: string };
  return [
    event(pod, 'Scheduled', `Successfully assigned ${namespace}/${name} to ${nodeName}`, age),
    event(pod, 'Started', `Started container ${labels?.['app']}`, age),
  ];
}

/** What runs Pods with this name: their number is wanted, and there. */
function workload(
  kind: string,
  name: string,
  replicas: number,
  shape: Pick<Shape, 'age' | 'owner'> & { readonly namespace: string },
) {
  const labels = { app: name, team: shape.namespace };
  const template = { metadata: { labels }, spec: { containers: [container(name)] } };
  const counts = { replicas, readyReplicas: replicas, availableReplicas: replicas };
  return make(kind, {
    ...{ name, labels, spec: { replicas, selector: { matchLabels: { app: name } }, template } },
    ...{ status: { ...counts, updatedReplicas: replicas }, ...shape },
  });
}

/** A Deployment with its ReplicaSet, Pods and their Events, Service and settings. */
function deploymentObjects(random: Random, [namespace, name, replicas]: App) {
  const age = day * (3 + random.below(40));
  const common = { namespace, name, labels: { app: name, team: namespace }, age };
  const deployment = workload('Deployment', name, replicas, { namespace, age });
  const set = workload('ReplicaSet', name, replicas, { namespace, age: age / 2, owner: deployment });
  set.metadata.name = `${name}-${suffix(random, 9)}`;
  const pods = Array.from({ length: replicas }, () =>
    podOf(random, set, name, `${set.metadata.name}-${suffix(random, 5)}`, 600 + random.below(age / 2)),
  );
  return [
    ...[deployment, set, ...pods, ...pods.flatMap(pod => startEvents(pod, 300 + random.below(3_000)))],
    make('Service', {
      ...common,
      spec: {
        ...{ type: 'ClusterIP', clusterIP: `10.96.0.${1 + random.below(250)}`, selector: { app: name } },
        ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      },
    }),
    make('ConfigMap', {
      ...{ ...common, name: `${name}-settings` },
      data: { 'application.yaml': `server:\n  port: 8080\nname: ${name}\n`, features: 'discounts,reviews' },
    }),
  ];
}

function statefulObjects(random: Random, namespace: string, name: string, replicas: number) {
  const set = workload('StatefulSet', name, replicas, { namespace });
  const names = Array.from({ length: replicas }, (_, at) => `${name}-${at}`);
  const pods = names.map(pod => podOf(random, set, name, pod, 9 * day));
  const backups = names.map(pod =>
    make('Backup', {
      ...{ namespace, name: `${pod}-nightly`, age: day / 2, spec: { claim: `data-${pod}` } },
      status: { phase: 'Completed', progress: '100%' },
    }),
  );
  return [set, ...pods, ...backups];
}

function nodeObject(name: string) {
  return make('Node', {
    ...{ name, labels: { 'kubernetes.io/hostname': name } },
    status: {
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ago(40 * day) }],
      nodeInfo: { kubeletVersion: 'v1.34.1', osImage: 'Debian GNU/Linux 13 (trixie)', architecture: 'amd64' },
    },
  });
}

/** The objects with which the demo's cluster begins. */
export function clusterObjects(random: Random): readonly KubeObject[] {
  const password = Buffer.from('secret').toString('base64');
  return [
    ...['default', 'kube-system', 'shop', 'payments', 'monitoring'].map(name =>
      make('Namespace', { name, status: { phase: 'Active' } }),
    ),
    ...nodeNames.map(nodeObject),
    ...apps.flatMap(app => deploymentObjects(random, app)),
    ...statefulObjects(random, 'default', 'web', 2),
    ...statefulObjects(random, 'shop', 'postgres', 3),
    ...['shop', 'payments'].map(namespace =>
      make('Secret', { namespace, name: 'database', type: 'Opaque', data: { password } }),
    ),
  ];
}
