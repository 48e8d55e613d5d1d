import { groupVersion, type ResourceType } from './discovery.js';
import { readFixture } from './fixture.js';
import { isRecord, type KubeObject, orderFields } from './objects.js';

interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

type Cells = (object: KubeObject) => unknown[];

const recorded = readFixture<Record<string, Column[]>>('table-columns.json');

function column(name: string, type = 'string', priority = 0): Column {
  return { name, type, format: name === 'Name' ? 'name' : '', description: '', priority };
}

const nameAndAge = [column('Name'), column('Age')];

/** A duration as kubectl shows it in AGE: two units while they matter, as `duration.HumanDuration`. */
function age(since: string | undefined): string {
  if (since === undefined) return '<unknown>';
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

function field(object: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), object);
}

function items(object: unknown, ...path: string[]): Record<string, unknown>[] {
  const value = field(object, ...path);
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

const podCells: Cells = object => {
  const statuses = items(object, 'status', 'containerStatuses');
  const ready = statuses.filter(status => status['ready'] === true).length;
  const restarts = statuses.reduce((sum, status) => sum + Number(status['restartCount'] ?? 0), 0);
  const total = items(object, 'spec', 'containers').length;
  const phase = object.metadata.deletionTimestamp ? 'Terminating' : field(object, 'status', 'phase');
  const where = [field(object, 'status', 'podIP') ?? '<none>', field(object, 'spec', 'nodeName') ?? '<none>'];
  return [`${ready}/${total}`, phase ?? 'Pending', String(restarts), '\0', ...where, '<none>', '<none>'];
};

const serviceCells: Cells = object => {
  const ports = items(object, 'spec', 'ports').map(port => `${port['port']}/${port['protocol'] ?? 'TCP'}`);
  const type = field(object, 'spec', 'type') ?? 'ClusterIP';
  return [type, field(object, 'spec', 'clusterIP') ?? '<none>', '<none>', ports.join(',') || '<none>', '\0'];
};

const deploymentCells: Cells = object => {
  const count = (name: string) => Number(field(object, 'status', name) ?? 0);
  const wanted = Number(field(object, 'spec', 'replicas') ?? 1);
  return [`${count('readyReplicas')}/${wanted}`, count('updatedReplicas'), count('availableReplicas'), '\0'];
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

const dataCount: Cells = object => [
  Object.keys({ ...(object['data'] as object), ...(object['binaryData'] as object) }).length,
];

// '\0' stands for the object's age, so that the age column can stand anywhere.
const printers: Readonly<Record<string, { columns: readonly Column[]; cells: Cells }>> = {
  pods: { columns: recorded['pods'] ?? [], cells: podCells },
  configmaps: { columns: recorded['configmaps'] ?? [], cells: object => [...dataCount(object), '\0'] },
  secrets: {
    columns: [column('Name'), column('Type'), column('Data'), column('Age')],
    cells: object => [object['type'] ?? 'Opaque', ...dataCount(object), '\0'],
  },
  namespaces: {
    columns: [column('Name'), column('Status'), column('Age')],
    cells: object => [field(object, 'status', 'phase'), '\0'],
  },
  nodes: {
    columns: [
      ...['Name', 'Status', 'Roles', 'Age', 'Version'].map(name => column(name)),
      ...['Internal-IP', 'External-IP', 'OS-Image', 'Kernel-Version', 'Container-Runtime'].map(name =>
        column(name, 'string', 1),
      ),
    ],
    cells: nodeCells,
  },
  services: {
    columns: ['Name', 'Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age'].map(name => column(name)),
    cells: serviceCells,
  },
  serviceaccounts: {
    columns: [column('Name'), column('Secrets', 'integer'), column('Age')],
    cells: object => [items(object, 'secrets').length, '\0'],
  },
  'deployments.apps': {
    columns: ['Name', 'Ready', 'Up-to-date', 'Available', 'Age'].map(name => column(name)),
    cells: deploymentCells,
  },
};

/** What a Table row carries beside its cells: nothing, the metadata (the default) or the whole object. */
export type RowObject = 'None' | 'Metadata' | 'Object';

/** `PartialObjectMetadata` of an object, with or without its own kind and apiVersion. */
export function toPartial(object: KubeObject, version: string): KubeObject {
  const { metadata } = orderFields(object);
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}

/** Column headings of a resource's Table. */
export function tableColumns(type: ResourceType): readonly Column[] {
  return printerOf(type).columns;
}

/** One row of a Table. */
export function tableRow(
  type: ResourceType,
  object: KubeObject,
  version: string,
  include: RowObject,
): unknown {
  const cells = printerOf(type)
    .cells(object)
    .map(cell => (cell === '\0' ? age(object.metadata.creationTimestamp) : cell));
  const row = { cells: [object.metadata.name ?? '', ...cells] };
  if (include === 'None') return row;
  const whole = orderFields({ ...object, kind: type.kind, apiVersion: groupVersion(type) });
  return { ...row, object: include === 'Object' ? whole : toPartial(object, version) };
}

function printerOf(type: ResourceType): { columns: readonly Column[]; cells: Cells } {
  const key = type.group ? `${type.resource}.${type.group}` : type.resource;
  return printers[key] ?? { columns: nameAndAge, cells: () => ['\0'] };
}
