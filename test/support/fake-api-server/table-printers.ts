import type { PrinterColumn } from './custom-resources.js';
import { readFixture } from './fixture.js';
import type { KubeObject } from './objects.js';
import { age, type Cells, type Column, column, field, items, type Printer } from './table-cells.js';

const recorded = readFixture<Record<string, Column[]>>('table-columns.json');

const podCells: Cells = object => {
  const statuses = items(object, 'status', 'containerStatuses');
  const ready = statuses.filter(status => status['ready'] === true).length;
  const restarts = statuses.reduce((sum, status) => sum + Number(status['restartCount'] ?? 0), 0);
  const total = items(object, 'spec', 'containers').length;
  const where = [field(object, 'status', 'podIP') ?? '<none>', field(object, 'spec', 'nodeName') ?? '<none>'];
  const waiting = statuses.map(status => field(status, 'state', 'waiting', 'reason')).find(Boolean);
  const phase = object.metadata.deletionTimestamp
    ? 'Terminating'
    : (waiting ?? field(object, 'status', 'reason') ?? field(object, 'status', 'phase') ?? 'Pending');
  const shown = phase === 'Succeeded' ? 'Completed' : phase;
  return [`${ready}/${total}`, shown, String(restarts), '\0', ...where, '<none>', '<none>'];
};

const serviceCells: Cells = object => {
  const ports = items(object, 'spec', 'ports').map(port => `${port['port']}/${port['protocol'] ?? 'TCP'}`);
  const type = field(object, 'spec', 'type') ?? 'ClusterIP';
  return [type, field(object, 'spec', 'clusterIP') ?? '<none>', '<none>', ports.join(',') || '<none>', '\0'];
};

const deploymentCells: Cells = object => {
  const count = counter(object, 'status');
  const wanted = Number(field(object, 'spec', 'replicas') ?? 1);
  return [`${count('readyReplicas')}/${wanted}`, count('updatedReplicas'), count('availableReplicas'), '\0'];
};

const dataCount: Cells = object => [
  Object.keys({ ...(object['data'] as object), ...(object['binaryData'] as object) }).length,
];

const eventCells: Cells = object => {
  const { kind, name } = field(object, 'involvedObject') as { kind?: string; name?: string };
  const last = object['lastTimestamp'] ?? object['eventTime'];
  const about = `${kind?.toLowerCase()}/${name}`;
  const wide = ['', field(object, 'source', 'component') ?? '', age(object['firstTimestamp'])];
  const [subobject, source, first] = wide;
  const count = object['count'] ?? 1;
  const [type, reason, message] = [object['type'], object['reason'], object['message']];
  return [age(last), type, reason, about, subobject, source, message, first, count, object.metadata.name];
};

const nodeCells: Cells = object => {
  const ready = items(object, 'status', 'conditions').find(({ type }) => type === 'Ready');
  const status = [
    ready?.['status'] === 'True' ? 'Ready' : ready === undefined ? 'Unknown' : 'NotReady',
    ...(field(object, 'spec', 'unschedulable') === true ? ['SchedulingDisabled'] : []),
  ];
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(object.metadata.labels ?? {})
    .filter(label => label.startsWith(prefix))
    .map(label => label.slice(prefix.length))
    .sort();
  const address = (type: string) =>
    items(object, 'status', 'addresses').find(found => found['type'] === type)?.['address'] ?? '<none>';
  const info = (name: string) => field(object, 'status', 'nodeInfo', name) ?? '<unknown>';
  return [
    ...[status.join(','), roles.join(',') || '<none>', '\0', info('kubeletVersion')],
    ...[address('InternalIP'), address('ExternalIP')],
    ...[info('osImage'), info('kernelVersion'), info('containerRuntimeVersion')],
  ];
};

const jobCells: Cells = object => {
  const completed = field(object, 'status', 'completionTime');
  const started = field(object, 'status', 'startTime');
  const isFailed = items(object, 'status', 'conditions').some(({ type }) => type === 'Failed');
  const status = isFailed ? 'Failed' : completed === undefined ? 'Running' : 'Complete';
  const count = `${counter(object, 'status')('succeeded')}/${counter(object, 'spec')('completions') || 1}`;
  const end = typeof completed === 'string' ? Date.parse(completed) : Date.now();
  return [status, count, age(started, end), '\0'];
};

const claimCells: Cells = object => [
  field(object, 'status', 'phase') ?? 'Pending',
  field(object, 'spec', 'volumeName') ?? '',
  field(object, 'status', 'capacity', 'storage') ?? '',
  (field(object, 'spec', 'accessModes') as string[] | undefined)?.map(shortMode).join(',') ?? '',
  field(object, 'spec', 'storageClassName') ?? '',
  '\0',
];

const hosts: Cells = object => {
  const names = items(object, 'spec', 'rules').map(rule => String(rule['host'] ?? '*'));
  const ports = items(object, 'spec', 'tls').length > 0 ? '80, 443' : '80';
  const [address] = items(object, 'status', 'loadBalancer', 'ingress');
  const name = field(object, 'spec', 'ingressClassName') ?? '<none>';
  return [name, names.join(',') || '*', address?.['ip'] ?? '', ports, '\0'];
};

function counter(object: unknown, ...path: readonly string[]): (name: string) => number {
  return name => Number(field(object, ...path, name) ?? 0);
}

function shortMode(mode: string): string {
  return mode.replace(/[a-z]/g, '');
}

/** Names of columns with `_` for a space. A star marks columns only for wide output, a plus those with a number. */
function printer(names: string, cells: Cells): Printer {
  const columns = names.split(' ').map(text => {
    const [, name = '', mark] = /^(.*?)([*+]?)$/.exec(text.replaceAll('_', ' ')) ?? [];
    return column(name, mark === '+' ? 'integer' : 'string', mark === '*' ? 1 : 0);
  });
  return { columns, cells };
}

/** The columns of each resource that has more than a name and an age. */
export const printers: Readonly<Record<string, Printer>> = {
  pods: { columns: recorded['pods'] ?? [], cells: podCells },
  configmaps: { columns: recorded['configmaps'] ?? [], cells: object => [...dataCount(object), '\0'] },
  secrets: printer('Name Type Data Age', object => [object['type'] ?? 'Opaque', ...dataCount(object), '\0']),
  namespaces: printer('Name Status Age', object => [field(object, 'status', 'phase'), '\0']),
  services: printer('Name Type Cluster-IP External-IP Port(s) Age', serviceCells),
  serviceaccounts: printer('Name Secrets+ Age', object => [items(object, 'secrets').length, '\0']),
  events: printer(
    'Last_Seen Type Reason Object Subobject* Source* Message First_Seen* Count* Name*',
    eventCells,
  ),
  nodes: printer(
    'Name Status Roles Age Version Internal-IP* External-IP* OS-Image* Kernel-Version* Container-Runtime*',
    nodeCells,
  ),
  persistentvolumeclaims: printer('Name Status Volume Capacity Access_Modes StorageClass Age', claimCells),
  'deployments.apps': printer('Name Ready Up-to-date Available Age', deploymentCells),
  'replicasets.apps': printer('Name Desired+ Current+ Ready+ Age', object => {
    const count = counter(object, 'status');
    return [counter(object, 'spec')('replicas'), count('replicas'), count('readyReplicas'), '\0'];
  }),
  'statefulsets.apps': printer('Name Ready Age', object => {
    const wanted = counter(object, 'spec')('replicas');
    return [`${counter(object, 'status')('readyReplicas')}/${wanted}`, '\0'];
  }),
  'daemonsets.apps': printer('Name Desired+ Current+ Ready+ Up-to-date+ Available+ Age', object => {
    const count = counter(object, 'status');
    const first = [count('desiredNumberScheduled'), count('currentNumberScheduled'), count('numberReady')];
    return [...first, count('updatedNumberScheduled'), count('numberAvailable'), '\0'];
  }),
  'jobs.batch': printer('Name Status Completions Duration Age', jobCells),
  'cronjobs.batch': printer('Name Schedule Timezone Suspend Active+ Last_Schedule Age', object => {
    const { schedule, timeZone = '<none>', suspend = false } = object['spec'] as Record<string, unknown>;
    const active = items(object, 'status', 'active').length;
    return [schedule, timeZone, suspend ? 'True' : 'False', active, lastSchedule(object), '\0'];
  }),
  'ingresses.networking.k8s.io': printer('Name Class Hosts Address Ports Age', hosts),
  'horizontalpodautoscalers.autoscaling': printer(
    'Name Reference Targets MinPods+ MaxPods+ Replicas+ Age',
    object => {
      const spec = counter(object, 'spec');
      const { kind, name } = field(object, 'spec', 'scaleTargetRef') as { kind?: string; name?: string };
      const [metric] = items(object, 'spec', 'metrics');
      const [current] = items(object, 'status', 'currentMetrics');
      const share = (of: unknown, own: string) => field(of, 'resource', own, 'averageUtilization');
      const target = `cpu: ${share(current, 'current') ?? '<unknown>'}%/${share(metric, 'target')}%`;
      const replicas = counter(object, 'status')('currentReplicas');
      return [`${kind}/${name}`, target, spec('minReplicas'), spec('maxReplicas'), replicas, '\0'];
    },
  ),
  'leases.coordination.k8s.io': printer('Name Holder Age', object => [
    field(object, 'spec', 'holderIdentity') ?? '',
    '\0',
  ]),
  'customresourcedefinitions.apiextensions.k8s.io': printer('Name Created_At', object => [
    object.metadata.creationTimestamp,
  ]),
};

function lastSchedule(object: KubeObject): string {
  const last = field(object, 'status', 'lastScheduleTime');
  return last === undefined ? '<none>' : age(last);
}

/** The columns of a custom resource. */
export function customPrinter(columns: readonly PrinterColumn[]): Printer {
  return {
    columns: [
      column('Name'),
      ...columns.map(({ name, type, description = '', priority = 0 }) => {
        return { ...column(name, type, priority), description };
      }),
    ],
    cells: object =>
      columns.map(({ type, jsonPath }) => {
        const value = field(object, ...jsonPath.split('.').slice(1));
        return type === 'date' ? age(value) : (value ?? '');
      }),
  };
}
