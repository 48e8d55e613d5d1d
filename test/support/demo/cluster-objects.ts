import type { KubeObject } from '../fake-api-server/objects.js';
import type { Random } from '../random.js';
import { ago, conditions, container, event, make, runningStatus, suffix } from './shapes.js';
import { apps, deploymentObjects, encoded, nodeNames, podOf, startEvents } from './workloads.js';

const hour = 3_600;
const namespaces = ['default', 'kube-system', 'kube-node-lease', 'shop', 'payments', 'monitoring'];

/** The objects with which the demo's cluster begins. */
export function clusterObjects(random: Random): readonly KubeObject[] {
  return [
    ...namespaces.map(name =>
      make(
        'v1',
        'Namespace',
        { name, labels: { 'kubernetes.io/metadata.name': name } },
        {
          spec: { finalizers: ['kubernetes'] },
          status: { phase: 'Active' },
        },
      ),
    ),
    ...nodeNames.flatMap(nodeObjects),
    ...apps.flatMap(app => deploymentObjects(random, app)),
    ...statefulObjects(random, 'default', 'web', 2),
    ...statefulObjects(random, 'shop', 'postgres', 3),
    ...statefulObjects(random, 'monitoring', 'prometheus', 2),
    ...daemonObjects(random, 'kube-system', 'kube-proxy'),
    ...daemonObjects(random, 'monitoring', 'node-exporter'),
    ...cronObjects(random, 'payments', 'settlement', '*/15 * * * *'),
    ...cronObjects(random, 'shop', 'reindex', '0 * * * *'),
    ...['shop', 'payments'].flatMap(settings),
    ...rights(),
    ...classes(),
  ];
}

function nodeObjects(name: string, at: number): readonly KubeObject[] {
  const role = name.startsWith('control') ? { 'node-role.kubernetes.io/control-plane': '' } : {};
  const node = make(
    'v1',
    'Node',
    { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/arch': 'amd64', ...role } },
    {
      spec: { podCIDR: `10.244.${at}.0/24` },
      status: {
        addresses: [
          { type: 'InternalIP', address: `192.0.2.1${at}` },
          { type: 'Hostname', address: name },
        ],
        ...{
          capacity: { cpu: '8', memory: '32Gi', pods: '110' },
          allocatable: { cpu: '7800m', memory: '30Gi' },
        },
        conditions: [
          ...conditions(['Ready'], 40 * 24 * hour),
          ...['MemoryPressure', 'DiskPressure', 'PIDPressure'].map(type => ({
            ...{
              type,
              status: 'False',
              reason: `KubeletHasNo${type}`,
              lastTransitionTime: ago(40 * 24 * hour),
            },
            lastHeartbeatTime: ago(5),
          })),
        ],
        nodeInfo: {
          ...{ kubeletVersion: 'v1.34.1', osImage: 'Debian GNU/Linux 13 (trixie)', architecture: 'amd64' },
          ...{ kernelVersion: '6.12.48-amd64', containerRuntimeVersion: 'containerd://2.1.4' },
        },
      },
    },
  );
  return [
    node,
    make(
      'coordination.k8s.io/v1',
      'Lease',
      { namespace: 'kube-node-lease', name, owner: node },
      {
        spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: ago(3) },
      },
    ),
  ];
}

function statefulObjects(random: Random, namespace: string, name: string, replicas: number): KubeObject[] {
  const image = `registry.example.com/${namespace}/${name}:17.2`;
  const template = {
    metadata: { labels: { app: name } },
    spec: { containers: [container(name, image, 5432)] },
  };
  const set = make(
    'apps/v1',
    'StatefulSet',
    { namespace, name, labels: { app: name } },
    {
      spec: { replicas, serviceName: name, selector: { matchLabels: { app: name } }, template },
      status: { replicas, readyReplicas: replicas, currentReplicas: replicas, observedGeneration: 1 },
    },
  );
  const parts = Array.from({ length: replicas }, (_, at) => {
    const volumeName = `pvc-${suffix(random, 8)}`;
    const claim = `data-${name}-${at}`;
    const storage = { storageClassName: 'fast', accessModes: ['ReadWriteOnce'] };
    const pod = podOf(random, set, { app: name, image, name: `${name}-${at}` }, 9 * 24 * hour);
    return [
      pod,
      ...(at === 0 ? startEvents(pod, image, 2_000) : []),
      make(
        'v1',
        'PersistentVolumeClaim',
        { namespace, name: claim, labels: { app: name } },
        {
          spec: { ...storage, volumeName, resources: { requests: { storage: '20Gi' } } },
          status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '20Gi' } },
        },
      ),
      make(
        'v1',
        'PersistentVolume',
        { name: volumeName },
        {
          spec: { ...storage, capacity: { storage: '20Gi' }, claimRef: { namespace, name: claim } },
          status: { phase: 'Bound' },
        },
      ),
      make(
        'storage.example.com/v1',
        'Backup',
        { namespace, name: `${claim}-nightly`, age: 9 * hour },
        {
          spec: { claim, keep: 14 },
          status: { phase: 'Completed', progress: '100%', size: `${12 + random.below(7)} GiB` },
        },
      ),
    ];
  });
  return [set, ...parts.flat()];
}

function daemonObjects(random: Random, namespace: string, name: string): KubeObject[] {
  const image = `registry.example.com/${namespace}/${name}:1.34.1`;
  const template = {
    metadata: { labels: { app: name } },
    spec: { containers: [container(name, image, 9100)] },
  };
  const count = nodeNames.length;
  const set = make(
    'apps/v1',
    'DaemonSet',
    { namespace, name, labels: { app: name } },
    {
      spec: { selector: { matchLabels: { app: name } }, template },
      status: {
        ...{ desiredNumberScheduled: count, currentNumberScheduled: count, numberReady: count },
        ...{ updatedNumberScheduled: count, numberAvailable: count, numberMisscheduled: 0 },
      },
    },
  );
  const pods = nodeNames.map(node => {
    const pod = podOf(
      random,
      set,
      { app: name, image, name: `${name}-${suffix(random, 5)}` },
      20 * 24 * hour,
    );
    return { ...pod, spec: { ...(pod['spec'] as object), nodeName: node } };
  });
  return [set, ...pods];
}

function cronObjects(random: Random, namespace: string, name: string, schedule: string): KubeObject[] {
  const image = `registry.example.com/${namespace}/${name}:1.0.4`;
  const template = { spec: { containers: [container(name, image, 8080)], restartPolicy: 'OnFailure' } };
  const cron = make(
    'batch/v1',
    'CronJob',
    { namespace, name },
    {
      spec: { schedule, concurrencyPolicy: 'Forbid', jobTemplate: { spec: { template } } },
      status: { lastScheduleTime: ago(900), lastSuccessfulTime: ago(860) },
    },
  );
  const runs = [0, 1, 2].flatMap(at => {
    const age = 900 * (at + 1);
    const jobName = `${name}-${29_400_000 - at * 15}`;
    const job = make(
      'batch/v1',
      'Job',
      { namespace, name: jobName, owner: cron, age },
      {
        spec: { completions: 1, parallelism: 1, template },
        status: {
          ...{ succeeded: 1, startTime: ago(age), completionTime: ago(age - 20 - random.below(30)) },
          conditions: conditions(['Complete'], age - 40),
        },
      },
    );
    const pod = podOf(random, job, { app: name, image, name: `${jobName}-${suffix(random, 5)}` }, age);
    const status = { ...runningStatus([name], image, age, '10.244.1.9'), phase: 'Succeeded' };
    const completed = { from: 'job-controller', age: age - 40 };
    return [
      job,
      { ...pod, status: { ...status, containerStatuses: [finished(name, image, age)] } },
      event(job, { reason: 'Completed', message: 'Job completed' }, completed),
    ];
  });
  return [cron, ...runs];
}

function finished(name: string, image: string, age: number): object {
  const terminated = { exitCode: 0, reason: 'Completed', startedAt: ago(age), finishedAt: ago(age - 30) };
  return {
    name,
    image,
    imageID: image,
    ready: false,
    started: false,
    restartCount: 0,
    state: { terminated },
  };
}

function settings(namespace: string): readonly KubeObject[] {
  return [
    make(
      'v1',
      'Secret',
      { namespace, name: 'database' },
      {
        type: 'Opaque',
        data: { username: encoded(namespace), password: encoded('a password of the demo') },
      },
    ),
    make(
      'v1',
      'ResourceQuota',
      { namespace, name: 'team' },
      {
        spec: { hard: { pods: '40', 'requests.cpu': '20' } },
        status: { hard: { pods: '40', 'requests.cpu': '20' }, used: { pods: '14', 'requests.cpu': '1400m' } },
      },
    ),
    make(
      'networking.k8s.io/v1',
      'NetworkPolicy',
      { namespace, name: 'default-deny' },
      {
        spec: { podSelector: {}, policyTypes: ['Ingress'] },
      },
    ),
  ];
}

function rights(): readonly KubeObject[] {
  const reads = ['get', 'list', 'watch'];
  const rule = (apiGroups: readonly string[], resources: readonly string[], verbs: readonly string[]) => {
    return { apiGroups, resources, verbs };
  };
  const roles: Readonly<Record<string, object[]>> = {
    'cluster-admin': [rule(['*'], ['*'], ['*'])],
    edit: [rule(['', 'apps', 'batch'], ['*'], [...reads, 'create', 'update', 'patch', 'delete'])],
    view: [rule(['', 'apps', 'batch'], ['pods', 'deployments', 'jobs', 'services'], reads)],
  };
  return [
    ...Object.entries(roles).map(([name, rules]) => {
      return make('rbac.authorization.k8s.io/v1', 'ClusterRole', { name }, { rules });
    }),
    ...['shop', 'payments'].map(namespace =>
      make(
        'rbac.authorization.k8s.io/v1',
        'RoleBinding',
        { namespace, name: 'team' },
        {
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
          subjects: [{ kind: 'Group', name: `team-${namespace}`, apiGroup: 'rbac.authorization.k8s.io' }],
        },
      ),
    ),
  ];
}

function classes(): readonly KubeObject[] {
  return [
    make(
      'storage.k8s.io/v1',
      'StorageClass',
      { name: 'fast' },
      {
        ...{
          provisioner: 'csi.example.com',
          reclaimPolicy: 'Delete',
          volumeBindingMode: 'WaitForFirstConsumer',
        },
      },
    ),
    make(
      'networking.k8s.io/v1',
      'IngressClass',
      { name: 'nginx' },
      {
        spec: { controller: 'k8s.io/ingress-nginx' },
      },
    ),
    make('scheduling.k8s.io/v1', 'PriorityClass', { name: 'important' }, { value: 1_000_000 }),
    make(
      'certificates.k8s.io/v1',
      'CertificateSigningRequest',
      { name: 'csr-7xk2p', age: 2 * hour },
      {
        spec: {
          signerName: 'kubernetes.io/kubelet-serving',
          username: 'system:node:worker-2',
          usages: ['server auth'],
        },
        status: { conditions: [{ type: 'Approved', status: 'True', reason: 'AutoApproved' }] },
      },
    ),
  ];
}
