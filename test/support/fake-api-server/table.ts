import type { PrinterColumn } from './custom-resources.js';
import { groupVersion, type ResourceType } from './discovery.js';
import { isRecord, type KubeObject, orderFields } from './objects.js';

/** What a Table row contains besides its cells: nothing, the metadata (the default) or the whole object. */
export type RowObject = 'None' | 'Metadata' | 'Object';

/** A column, and what it shows: the value at a path of field names, each with a dot before it, or what a function makes of an object. */
interface Column {
  readonly name: string;
  readonly type?: string | undefined;
  readonly description?: string | undefined;
  /** Above 0, only wide output shows it. */
  readonly priority?: number | undefined;
  readonly shows: string | ((object: KubeObject) => unknown);
}

/** `PartialObjectMetadata` of an object, with or without its own kind and apiVersion. */
export function toPartial(object: KubeObject, version: string): KubeObject {
  const { metadata } = orderFields(object);
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}

/** Column headings of a resource's Table. */
export function tableColumns(type: ResourceType): readonly object[] {
  return columnsOf(type).map(({ name, type = 'string', description = '', priority = 0 }) => {
    return { name, type, format: name === 'Name' ? 'name' : '', description, priority };
  });
}

/** One row of a Table. */
export function tableRow(
  type: ResourceType,
  object: KubeObject,
  version: string,
  include: RowObject,
): unknown {
  const row = {
    cells: columnsOf(type).map(({ type: kind, shows }) => {
      const value = typeof shows === 'string' ? field(object, shows) : shows(object);
      return kind === 'date' ? age(value) : (value ?? (kind === 'integer' ? 0 : ''));
    }),
  };
  const endsInitialEvents = object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true';
  if (include === 'None' && !endsInitialEvents) return { ...row, object: null };
  const whole = orderFields({ ...object, kind: type.kind, apiVersion: groupVersion(type) });
  return { ...row, object: include === 'Object' ? whole : toPartial(object, version) };
}

/** A duration as kubectl shows it in AGE, but for the smaller one of two units. */
function age(since: unknown): string {
  if (typeof since !== 'string') return '<unknown>';
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  const hours = Math.floor(seconds / 3_600);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** The value at the path of these field names; undefined if there is none. */
function field(object: unknown, path: string): unknown {
  const names = path.split('.').slice(1);
  return names.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), object);
}

/** The same for a list of objects. */
function items(object: unknown, path: string): Record<string, unknown>[] {
  const value = field(object, path);
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

const dataOf = (object: KubeObject) => Object.keys((object['data'] as object | undefined) ?? {}).length;
const readyOf = (object: KubeObject, have: unknown, wanted: string) =>
  `${have ?? 0}/${field(object, wanted) ?? 1}`;

/** The columns between a resource's name and its age, by their names; those with a star only for wide output. */
const printers: Readonly<Record<string, Readonly<Record<string, Column['shows']>>>> = {
  pods: {
    Ready: object => {
      const ready = items(object, '.status.containerStatuses').filter(status => status['ready'] === true);
      return `${ready.length}/${items(object, '.spec.containers').length}`;
    },
    Status: object =>
      object.metadata.deletionTimestamp ? 'Terminating' : (field(object, '.status.phase') ?? 'Pending'),
    Restarts: object => String(items(object, '.status.containerStatuses')[0]?.['restartCount'] ?? 0),
    'IP*': '.status.podIP',
    'Node*': '.spec.nodeName',
  },
  configmaps: { Data: dataOf },
  secrets: { Type: '.type', Data: dataOf },
  namespaces: { Status: '.status.phase' },
  services: {
    ...{ Type: '.spec.type', 'Cluster-IP': '.spec.clusterIP' },
    'Port(s)': object =>
      items(object, '.spec.ports')
        .map(({ port, protocol = 'TCP' }) => `${port}/${protocol}`)
        .join(),
  },
  nodes: {
    Status: object => {
      const ready = items(object, '.status.conditions').find(({ type }) => type === 'Ready');
      return ready?.['status'] === 'True' ? 'Ready' : 'NotReady';
    },
    Version: '.status.nodeInfo.kubeletVersion',
  },
  'deployments.apps': {
    Ready: object => readyOf(object, field(object, '.status.readyReplicas'), '.spec.replicas'),
    ...{ 'Up-to-date': '.status.updatedReplicas', Available: '.status.availableReplicas' },
  },
  'replicasets.apps': {
    Desired: '.spec.replicas',
    Current: '.status.replicas',
    Ready: '.status.readyReplicas',
  },
  'statefulsets.apps': {
    Ready: object => readyOf(object, field(object, '.status.readyReplicas'), '.spec.replicas'),
  },
};

const nameColumn: Column = { name: 'Name', shows: '.metadata.name' };
const created = '.metadata.creationTimestamp';
/** Only Events have a first column without a name. A bookmark has none of these fields. */
const eventColumns: readonly Column[] = [
  { name: 'Last Seen', shows: object => age(object['lastTimestamp']) },
  ...['Type', 'Reason'].map(name => ({ name, shows: `.${name.toLowerCase()}` })),
  {
    name: 'Object',
    shows: object =>
      `${field(object, '.involvedObject.kind') ?? ''}/${field(object, '.involvedObject.name') ?? ''}`.toLowerCase(),
  },
  { name: 'Message', shows: '.message' },
];

function columnsOf({ group, resource, custom }: ResourceType): readonly Column[] {
  if (custom !== undefined) {
    return [
      nameColumn,
      ...custom.columns.map(({ jsonPath, ...column }: PrinterColumn) => ({ ...column, shows: jsonPath })),
    ];
  }
  if (resource === 'events') return eventColumns;
  const own = Object.entries(printers[group ? `${resource}.${group}` : resource] ?? {});
  return [
    nameColumn,
    ...own.map(([name, shows]) => ({
      name: name.replace('*', ''),
      priority: name.endsWith('*') ? 1 : 0,
      shows,
    })),
    { name: 'Age', shows: object => age(field(object, created)) },
  ];
}
