import { readFixture } from '../project.js';
import type { PrinterColumn } from './custom-resources.js';
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
    : (waiting ?? field(object, 'status', 'phase'));
  const shown = phase === 'Succeeded' ? 'Completed' : (phase ?? 'Pending');
  return [`${ready}/${total}`, shown, String(restarts), '\0', ...where, '<none>', '<none>'];
};

const serviceCells: Cells = object => {
  const ports = items(object, 'spec', 'ports').map(port => `${port['port']}/${port['protocol'] ?? 'TCP'}`);
  const type = field(object, 'spec', 'type') ?? 'ClusterIP';
  return [type, field(object, 'spec', 'clusterIP') ?? '<none>', '<none>', ports.join(',') || '<none>', '\0'];
};

const deploymentCells: Cells = object => {
  const count = (name: string) => number(object, 'status', name);
  const wanted = Number(field(object, 'spec', 'replicas') ?? 1);
  return [`${count('readyReplicas')}/${wanted}`, count('updatedReplicas'), count('availableReplicas'), '\0'];
};

const dataCount: Cells = object => [
  Object.keys({ ...(object['data'] as object), ...(object['binaryData'] as object) }).length,
];

const eventCells: Cells = object => {
  // A bookmark has none of these fields.
  const about = [
    field(object, 'involvedObject', 'kind') ?? '',
    field(object, 'involvedObject', 'name') ?? '',
  ];
  const [type, reason, message] = [object['type'], object['reason'], object['message']];
  return [age(object['lastTimestamp']), type, reason, about.join('/').toLowerCase(), message];
};

const nodeCells: Cells = object => {
  const ready = items(object, 'status', 'conditions').find(({ type }) => type === 'Ready');
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(object.metadata.labels ?? {})
    .filter(label => label.startsWith(prefix))
    .map(label => label.slice(prefix.length));
  const address = items(object, 'status', 'addresses').find(({ type }) => type === 'InternalIP');
  const version = field(object, 'status', 'nodeInfo', 'kubeletVersion');
  return [
    ready?.['status'] === 'True' ? 'Ready' : 'NotReady',
    ...[roles.join(',') || '<none>', '\0', version ?? '', address?.['address'] ?? '<none>'],
  ];
};

const jobCells: Cells = object => {
  const completed = field(object, 'status', 'completionTime');
  const count = `${number(object, 'status', 'succeeded')}/${number(object, 'spec', 'completions') || 1}`;
  const end = typeof completed === 'string' ? Date.parse(completed) : Date.now();
  const duration = age(field(object, 'status', 'startTime'), end);
  return [completed === undefined ? 'Running' : 'Complete', count, duration, '\0'];
};

const ingressCells: Cells = object => {
  const names = items(object, 'spec', 'rules').map(rule => String(rule['host'] ?? '*'));
  const ports = items(object, 'spec', 'tls').length > 0 ? '80, 443' : '80';
  const [address] = items(object, 'status', 'loadBalancer', 'ingress');
  return [field(object, 'spec', 'ingressClassName'), names.join(','), address?.['ip'] ?? '', ports, '\0'];
};

function number(object: unknown, ...path: readonly string[]): number {
  return Number(field(object, ...path) ?? 0);
}

/** Names of columns with `_` for a space. A star marks columns only for wide output. */
function printer(names: string, cells: Cells): Printer {
  const columns = names.split(' ').map(text => {
    const [, name = '', mark] = /^(.*?)(\*?)$/.exec(text.replaceAll('_', ' ')) ?? [];
    return column(name, 'string', mark === '*' ? 1 : 0);
  });
  return { columns, cells };
}

/** A name, cells that each have the value at a path, and an age. */
function pathPrinter(type: 'string' | 'integer', paths: Readonly<Record<string, string>>): Printer {
  const columns = Object.entries(paths).map(([name, jsonPath]) => ({ name, type, jsonPath }));
  return customPrinter([...columns, { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }]);
}

/** The columns of each resource that has more than a name and an age. */
export const printers: Readonly<Record<string, Printer>> = {
  pods: { columns: recorded['pods'] ?? [], cells: podCells },
  configmaps: { columns: recorded['configmaps'] ?? [], cells: object => [...dataCount(object), '\0'] },
  secrets: printer('Name Type Data Age', object => [object['type'] ?? 'Opaque', ...dataCount(object), '\0']),
  namespaces: pathPrinter('string', { Status: '.status.phase' }),
  services: printer('Name Type Cluster-IP External-IP Port(s) Age', serviceCells),
  events: printer('Last_Seen Type Reason Object Message', eventCells),
  nodes: printer('Name Status Roles Age Version Internal-IP*', nodeCells),
  persistentvolumeclaims: pathPrinter('string', {
    Status: '.status.phase',
    Volume: '.spec.volumeName',
    Capacity: '.status.capacity.storage',
    StorageClass: '.spec.storageClassName',
  }),
  'deployments.apps': printer('Name Ready Up-to-date Available Age', deploymentCells),
  'replicasets.apps': pathPrinter('integer', {
    Desired: '.spec.replicas',
    Current: '.status.replicas',
    Ready: '.status.readyReplicas',
  }),
  'statefulsets.apps': printer('Name Ready Age', object => {
    return [`${number(object, 'status', 'readyReplicas')}/${number(object, 'spec', 'replicas')}`, '\0'];
  }),
  'jobs.batch': printer('Name Status Completions Duration Age', jobCells),
  'cronjobs.batch': pathPrinter('string', { Schedule: '.spec.schedule' }),
  'ingresses.networking.k8s.io': printer('Name Class Hosts Address Ports Age', ingressCells),
};

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
        if (type === 'date') return age(value);
        return value ?? (type === 'integer' ? 0 : '');
      }),
  };
}
