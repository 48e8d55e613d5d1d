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
  ...{ Ingress: 'networking.k8s.io/v1', Backup: 'storage.example.com/v1' },
  CustomResourceDefinition: 'apiextensions.k8s.io/v1',
};
const hour = 3_600;
const day = 24 * hour;

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
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

function conditions(types: readonly string[], age: number): object[] {
  return types.map(type => ({ type, status: 'True', lastTransitionTime: ago(age) }));
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
export interface App {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly host?: string;
  /** Whether its number of Pods changes. */
  readonly scales?: boolean;
}

/** The Deployments of the demo. */
export const apps: readonly App[] = [
  { namespace: 'shop', name: 'storefront', replicas: 4, host: 'shop.example.com', scales: true },
  { namespace: 'shop', name: 'cart', replicas: 3, scales: true },
  { namespace: 'shop', name: 'catalog', replicas: 3 },
  { namespace: 'shop', name: 'search', replicas: 2 },
  { namespace: 'payments', name: 'checkout', replicas: 3, host: 'pay.example.com' },
  { namespace: 'payments', name: 'ledger', replicas: 2 },
  { namespace: 'monitoring', name: 'grafana', replicas: 1, host: 'graphs.example.com' },
  { namespace: 'monitoring', name: 'alertmanager', replicas: 2 },
  { namespace: 'kube-system', name: 'coredns', replicas: 2 },
  { namespace: 'kube-system', name: 'metrics-server', replicas: 1 },
  { namespace: 'default', name: 'hello', replicas: 2, scales: true },
];
const nodeNames = ['control-0', 'worker-0', 'worker-1', 'worker-2'] as const;

function container(name: string) {
  return {
    ...{ name, image: `registry.example.com/${name}:1.4.2`, ports: [{ name: 'http', containerPort: 8080 }] },
    env: [
      { name: 'LOG_LEVEL', value: 'info' },
      { name: 'DATABASE_PASSWORD', valueFrom: { secretKeyRef: { name: 'database', key: 'password' } } },
    ],
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
  };
}

/** A Pod that runs. */
export function podOf(random: Random, owner: KubeObject, app: string, name: string, age: number): KubeObject {
  const { namespace = '' } = owner.metadata;
  const { image } = container(app);
  return make('Pod', {
    ...{ namespace, name, labels: { app, team: namespace }, owner, age },
    spec: {
      containers: [container(app)],
      nodeName: random.pick(nodeNames.slice(1)),
      restartPolicy: 'Always',
    },
    status: {
      ...{ phase: 'Running', startTime: ago(age), hostIP: '192.0.2.11' },
      podIP: `10.244.${random.below(4)}.${2 + random.below(250)}`,
      conditions: conditions(['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'], age),
      containerStatuses: [
        {
          ...{ name: app, image, imageID: image, ready: true, started: true, restartCount: 0 },
          state: { running: { startedAt: ago(age) } },
        },
      ],
    },
  });
}

/** The Events of kubelet and scheduler about a Pod's start. */
export function startEvents(pod: KubeObject, age: number): readonly KubeObject[] {
  const { namespace = '', name = '', labels } = pod.metadata;
  const app = labels?.['app'] ?? '';
  const { nodeName } = pod['spec'] as { nodeName: string };
  return [
    event(pod, 'Scheduled', `Successfully assigned ${namespace}/${name} to ${nodeName}`, age),
    event(pod, 'Pulled', `Container image "${container(app).image}" already present on machine`, age),
    event(pod, 'Created', `Created container: ${app}`, age),
    event(pod, 'Started', `Started container ${app}`, age),
  ];
}

/** A Deployment with its ReplicaSets, Pods, Service and other related objects. */
function deploymentObjects(random: Random, { namespace, name, replicas, host }: App): readonly KubeObject[] {
  const age = day * (3 + random.below(40));
  const common = { namespace, name, labels: { app: name, team: namespace }, age };
  const selector = { matchLabels: { app: name } };
  const template = { metadata: { labels: common.labels }, spec: { containers: [container(name)] } };
  const counts = { replicas, readyReplicas: replicas, availableReplicas: replicas };
  const deployment = make('Deployment', {
    ...common,
    spec: { replicas, selector, template, strategy: { type: 'RollingUpdate' }, revisionHistoryLimit: 3 },
    status: {
      ...{ observedGeneration: 1, ...counts, updatedReplicas: replicas },
      conditions: conditions(['Available', 'Progressing'], age / 2),
    },
  });
  const setOf = (wanted: number) =>
    make('ReplicaSet', {
      ...{ ...common, name: `${name}-${suffix(random, 9)}`, owner: deployment, age: age / 2 },
      spec: { replicas: wanted, selector, template },
      status: { replicas: wanted, ...(wanted > 0 && counts), observedGeneration: 1 },
    });
  const current = setOf(replicas);
  const own = `${current.metadata.name}`;
  const pods = Array.from({ length: replicas }, () =>
    podOf(random, current, name, `${own}-${suffix(random, 5)}`, 600 + random.below(age / 2)),
  );
  const scaled = `Scaled up replica set ${own} from 0 to ${replicas}`;
  return [
    ...[deployment, setOf(0), setOf(0), current, ...pods],
    ...pods.flatMap(pod => startEvents(pod, 300 + random.below(3_000))),
    event(deployment, 'ScalingReplicaSet', scaled, 400 + random.below(3_000)),
    make('Service', {
      ...common,
      spec: {
        ...{ type: 'ClusterIP', clusterIP: `10.96.${random.below(200)}.${1 + random.below(250)}` },
        ...{
          selector: { app: name },
          ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
        },
      },
    }),
    make('ServiceAccount', common),
    make('ConfigMap', {
      ...{ ...common, name: `${name}-settings` },
      data: { 'application.yaml': `server:\n  port: 8080\nname: ${name}\n`, features: 'discounts,reviews' },
    }),
    ...(host === undefined ? [] : [ingressOf(common, host)]),
  ];
}

function ingressOf(common: Shape, host: string): KubeObject {
  const backend = { service: { name: common.name, port: { name: 'http' } } };
  return make('Ingress', {
    ...common,
    spec: {
      ingressClassName: 'nginx',
      rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.10' }] } },
  });
}

function encoded(value: string): string {
  return Buffer.from(value).toString('base64');
}

function statefulObjects(random: Random, namespace: string, name: string, replicas: number): KubeObject[] {
  const template = { metadata: { labels: { app: name } }, spec: { containers: [container(name)] } };
  const set = make('StatefulSet', {
    ...{ namespace, name, labels: { app: name } },
    spec: { replicas, serviceName: name, selector: { matchLabels: { app: name } }, template },
    status: { replicas, readyReplicas: replicas, currentReplicas: replicas, observedGeneration: 1 },
  });
  const parts = Array.from({ length: replicas }, (_, at) => {
    const claim = `data-${name}-${at}`;
    const storage = { storageClassName: 'fast', accessModes: ['ReadWriteOnce'] };
    return [
      podOf(random, set, name, `${name}-${at}`, 9 * day),
      make('PersistentVolumeClaim', {
        ...{ namespace, name: claim, labels: { app: name } },
        spec: {
          ...storage,
          volumeName: `pvc-${suffix(random, 8)}`,
          resources: { requests: { storage: '20Gi' } },
        },
        status: { phase: 'Bound', capacity: { storage: '20Gi' } },
      }),
      make('Backup', {
        ...{ namespace, name: `${claim}-nightly`, age: 9 * hour, spec: { claim, keep: 14 } },
        status: { phase: 'Completed', progress: '100%', size: `${12 + random.below(7)} GiB` },
      }),
    ];
  });
  return [set, ...parts.flat()];
}

function nodeObject(name: string, at: number): KubeObject {
  const role = name.startsWith('control') ? { 'node-role.kubernetes.io/control-plane': '' } : {};
  return make('Node', {
    ...{ name, labels: { 'kubernetes.io/hostname': name, ...role } },
    spec: { podCIDR: `10.244.${at}.0/24` },
    status: {
      addresses: [{ type: 'InternalIP', address: `192.0.2.1${at}` }],
      capacity: { cpu: '8', memory: '32Gi', pods: '110' },
      conditions: conditions(['Ready'], 40 * day),
      nodeInfo: { kubeletVersion: 'v1.34.1', osImage: 'Debian GNU/Linux 13 (trixie)', architecture: 'amd64' },
    },
  });
}

/** The objects with which the demo's cluster begins. */
export function clusterObjects(random: Random): readonly KubeObject[] {
  return [
    ...['default', 'kube-system', 'shop', 'payments', 'monitoring'].map(name =>
      make('Namespace', { name, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }),
    ),
    ...nodeNames.map(nodeObject),
    ...apps.flatMap(app => deploymentObjects(random, app)),
    ...statefulObjects(random, 'default', 'web', 2),
    ...statefulObjects(random, 'shop', 'postgres', 3),
    ...['shop', 'payments'].map(namespace =>
      make('Secret', { namespace, name: 'database', type: 'Opaque', data: { password: encoded('secret') } }),
    ),
  ];
}
