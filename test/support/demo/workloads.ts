import type { KubeObject } from '../fake-api-server/objects.js';
import type { Random } from '../random.js';
import { conditions, container, event, make, runningStatus, suffix } from './shapes.js';

/** A Deployment of the demo. */
export interface App {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly replicas: number;
  readonly host?: string;
  /** Whether its number of Pods follows its load. */
  readonly scales?: boolean;
}

/** Nodes of the demo. */
export const nodeNames = ['control-0', 'worker-0', 'worker-1', 'worker-2'] as const;

/** The Deployments of the demo. */
export const apps: readonly App[] = [
  {
    namespace: 'shop',
    name: 'storefront',
    version: '2.4.1',
    replicas: 4,
    host: 'shop.example.com',
    scales: true,
  },
  { namespace: 'shop', name: 'cart', version: '1.9.0', replicas: 3, scales: true },
  { namespace: 'shop', name: 'catalog', version: '3.0.2', replicas: 3 },
  { namespace: 'shop', name: 'search', version: '5.1.7', replicas: 2 },
  { namespace: 'payments', name: 'checkout', version: '4.2.0', replicas: 3, host: 'pay.example.com' },
  { namespace: 'payments', name: 'ledger', version: '2.2.3', replicas: 2 },
  { namespace: 'payments', name: 'fraud-check', version: '0.8.0', replicas: 2 },
  { namespace: 'monitoring', name: 'grafana', version: '11.3.0', replicas: 1, host: 'graphs.example.com' },
  { namespace: 'monitoring', name: 'alertmanager', version: '0.27.0', replicas: 2 },
  { namespace: 'kube-system', name: 'coredns', version: '1.11.3', replicas: 2 },
  { namespace: 'kube-system', name: 'metrics-server', version: '0.7.2', replicas: 1 },
  { namespace: 'default', name: 'hello', version: '1.0.0', replicas: 2, scales: true },
];

const hour = 3_600;

export function imageOf({ namespace, name, version }: App): string {
  return `registry.example.com/${namespace}/${name}:${version}`;
}

/** A Pod that runs. */
export function podOf(
  random: Random,
  owner: KubeObject,
  { app, image, name }: { readonly app: string; readonly image: string; readonly name: string },
  age: number,
): KubeObject {
  const { namespace = '' } = owner.metadata;
  const address = `10.244.${random.below(4)}.${2 + random.below(250)}`;
  return make(
    'v1',
    'Pod',
    { namespace, name, labels: { app, team: namespace }, owner, age },
    {
      spec: {
        containers: [container(app, image, 8080)],
        nodeName: random.pick(nodeNames.slice(1)),
        ...{ restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', serviceAccountName: app },
        ...{ terminationGracePeriodSeconds: 30, schedulerName: 'default-scheduler', securityContext: {} },
      },
      status: runningStatus([app], image, age, address),
    },
  );
}

/** The Events of kubelet and scheduler about a Pod's start. */
export function startEvents(pod: KubeObject, image: string, age: number): readonly KubeObject[] {
  const { namespace = '', name = '' } = pod.metadata;
  const node = String((pod['spec'] as { nodeName?: string }).nodeName);
  const scheduled = `Successfully assigned ${namespace}/${name} to ${node}`;
  return [
    event(pod, { reason: 'Scheduled', message: scheduled }, { from: 'default-scheduler', age }),
    event(
      pod,
      { reason: 'Pulled', message: `Container image "${image}" already present on machine` },
      { age },
    ),
    event(pod, { reason: 'Created', message: `Created container: ${pod.metadata.labels?.['app']}` }, { age }),
    event(pod, { reason: 'Started', message: `Started container ${pod.metadata.labels?.['app']}` }, { age }),
  ];
}

/** A Deployment with its ReplicaSets, Pods, Service and other related objects. */
export function deploymentObjects(random: Random, app: App): readonly KubeObject[] {
  const { namespace, name, replicas, host, scales } = app;
  const labels = { app: name, team: namespace };
  const image = imageOf(app);
  const age = 24 * hour * (3 + random.below(40));
  const template = { metadata: { labels }, spec: { containers: [container(name, image, 8080)] } };
  const selector = { matchLabels: { app: name } };
  const counts = { replicas, readyReplicas: replicas, availableReplicas: replicas };
  const deployment = make(
    'apps/v1',
    'Deployment',
    { namespace, name, labels, age, annotations: { 'deployment.kubernetes.io/revision': '3' } },
    {
      spec: { replicas, selector, template, strategy: { type: 'RollingUpdate' }, revisionHistoryLimit: 3 },
      status: {
        ...{ observedGeneration: 1, ...counts, updatedReplicas: replicas },
        conditions: conditions(['Available', 'Progressing'], age / 2),
      },
    },
  );
  const setOf = (wanted: number, own: number) =>
    make(
      'apps/v1',
      'ReplicaSet',
      { namespace, name: `${name}-${suffix(random, 9)}`, labels, owner: deployment, age: own },
      {
        spec: { replicas: wanted, selector, template },
        status: { replicas: wanted, ...(wanted > 0 && counts), observedGeneration: 1 },
      },
    );
  const current = setOf(replicas, age / 2);
  const pods = Array.from({ length: replicas }, () => {
    const own = 600 + random.below(age / 2);
    return podOf(
      random,
      current,
      { app: name, image, name: `${current.metadata.name}-${suffix(random, 5)}` },
      own,
    );
  });
  const port = { name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' };
  const clusterIP = `10.96.${random.below(200)}.${1 + random.below(250)}`;
  const scaled = `Scaled up replica set ${current.metadata.name} from 0 to ${replicas}`;
  return [
    ...[deployment, setOf(0, age), setOf(0, age * 0.7), current, ...pods],
    ...pods.slice(0, 2).flatMap(pod => startEvents(pod, image, 300 + random.below(3_000))),
    event(
      deployment,
      { reason: 'ScalingReplicaSet', message: scaled },
      { from: 'deployment-controller', age: 400 + random.below(3_000) },
    ),
    make(
      'v1',
      'Service',
      { namespace, name, labels, age },
      {
        spec: {
          type: 'ClusterIP',
          clusterIP,
          clusterIPs: [clusterIP],
          selector: { app: name },
          ports: [port],
        },
        status: { loadBalancer: {} },
      },
    ),
    make(
      'discovery.k8s.io/v1',
      'EndpointSlice',
      { namespace, name: `${name}-${suffix(random, 5)}`, labels, age },
      {
        addressType: 'IPv4',
        endpoints: pods.map(pod => ({
          addresses: [(pod['status'] as { podIP: string }).podIP],
          conditions: { ready: true },
          targetRef: { kind: 'Pod', namespace, name: pod.metadata.name, uid: pod.metadata.uid },
        })),
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
    ),
    make('v1', 'ServiceAccount', { namespace, name, age }),
    make(
      'v1',
      'ConfigMap',
      { namespace, name: `${name}-settings`, labels, age },
      {
        data: {
          'application.yaml': `server:\n  port: 8080\nlog:\n  level: info\nname: ${name}\n`,
          features: 'discounts,reviews',
        },
      },
    ),
    ...(replicas > 1
      ? [
          make(
            'policy/v1',
            'PodDisruptionBudget',
            { namespace, name, labels, age },
            {
              spec: { minAvailable: 1, selector },
              status: { currentHealthy: replicas, desiredHealthy: 1, disruptionsAllowed: replicas - 1 },
            },
          ),
        ]
      : []),
    ...(scales === true ? [autoscaler(app, age)] : []),
    ...(host === undefined ? [] : ingressObjects(app, host, age)),
  ];
}

function autoscaler({ namespace, name, replicas }: App, age: number): KubeObject {
  const cpu = (averageUtilization: number) => ({ averageUtilization });
  return make(
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    { namespace, name, age },
    {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        ...{ minReplicas: 2, maxReplicas: 8 },
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', ...cpu(70) } } },
        ],
      },
      status: {
        ...{ currentReplicas: replicas, desiredReplicas: replicas },
        currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: cpu(62) } }],
        conditions: conditions(['AbleToScale', 'ScalingActive'], age),
      },
    },
  );
}

function ingressObjects({ namespace, name }: App, host: string, age: number): readonly KubeObject[] {
  const secretName = `${name}-tls`;
  const backend = { service: { name, port: { name: 'http' } } };
  const notAfter = new Date(Date.now() + 61 * 24 * hour * 1000).toISOString().slice(0, 10);
  return [
    make(
      'networking.k8s.io/v1',
      'Ingress',
      { namespace, name, age },
      {
        spec: {
          ingressClassName: 'nginx',
          rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
          tls: [{ hosts: [host], secretName }],
        },
        status: { loadBalancer: { ingress: [{ ip: '203.0.113.10' }] } },
      },
    ),
    make(
      'certs.example.com/v1',
      'Certificate',
      { namespace, name, age },
      {
        spec: { secretName, issuer: 'example-ca', dnsNames: [host] },
        status: { ready: 'True', notAfter, conditions: conditions(['Ready'], age) },
      },
    ),
    make(
      'v1',
      'Secret',
      { namespace, name: secretName, age },
      {
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': encoded('the certificate of the demo'), 'tls.key': encoded('no real key') },
      },
    ),
  ];
}

/** A value of a Secret. */
export function encoded(value: string): string {
  return Buffer.from(value).toString('base64');
}
