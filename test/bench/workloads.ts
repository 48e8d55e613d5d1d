/** What is compared unless the command line says it: `shared-watches` is this program with --share-watches, only for watches. */
const usualPrograms = ['kube-api-proxy', 'shared-watches', 'kubectl'] as const;
/** This program with a collector of traces, and so many of a million requests traced; only for plain requests. */
const tracedPrograms = ['traced-0', 'traced-10000', 'traced-1000000'] as const;

export type ProgramName = (typeof usualPrograms)[number] | (typeof tracedPrograms)[number];
/** The table's columns have this order. */
export const programNames: readonly ProgramName[] = [...usualPrograms, ...tracedPrograms];
export const defaultPrograms: readonly ProgramName[] = usualPrograms;

/** The names of the plain requests, as --only takes them. */
export type RequestWorkloadName = 'get' | 'list' | 'large-list';

/** One plain request that is sent over and over. */
export interface RequestWorkload {
  readonly name: RequestWorkloadName;
  readonly title: string;
  readonly path: string;
  /** Keep-alive connections, with one request under way on each. */
  readonly connections: number;
  /** Pods in the list; undefined if the answer is a single pod. */
  readonly items?: number;
}

/** The plain requests: the sizes of one object, of a namespace's list and of a cluster's list. */
export const requestWorkloads: readonly RequestWorkload[] = [
  { name: 'get', title: 'GET 3.4 KB object', path: '/api/v1/namespaces/team-0/pods/web-0', connections: 16 },
  {
    name: 'list',
    title: 'GET 144 KB list',
    path: '/api/v1/namespaces/team-0/pods',
    connections: 8,
    items: 43,
  },
  { name: 'large-list', title: 'GET 2.9 MB list', path: '/api/v1/pods', connections: 4, items: 866 },
];

/** Events a second that each watch receives. */
export const eventRate = 10;

/** The watches' target. Like those of usual clients it has a version to start from, so that the watches can be shared. */
export const watchPath =
  '/api/v1/namespaces/team-0/configmaps?watch=1&allowWatchBookmarks=true&resourceVersion=1';

/** How many informers start at the same moment, and the objects that each gets. */
export const herds = [60, 1_000] as const;
export const herdObjects = 60;

/** The target of an informer since client-go 0.35, which lists by watching. */
export const informerPath =
  '/api/v1/namespaces/team-0/configmaps?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';

/** The annotation of the bookmark after the objects. */
export const initialEventsEnd = '"k8s.io/initial-events-end":"true"';

/** A pod of the usual size: 3,378 bytes with its kind. */
const pod = {
  ...{ kind: 'Pod', apiVersion: 'v1' },
  metadata: { name: 'web-0', namespace: 'team-0', annotations: { filler: '.'.repeat(3126) } },
  spec: { containers: [{ name: 'web', image: 'registry.example/web:1' }], nodeName: 'node-0' },
  status: { phase: 'Running', podIP: '192.0.2.20' },
};

/** The answer's body, the same in every run: a pod, or a list of copies of it that differ by name. */
export function answerBody({ items }: RequestWorkload): string {
  if (items === undefined) return `${JSON.stringify(pod)}\n`;
  const { kind: _kind, apiVersion, ...rest } = pod;
  const pods = Array.from({ length: items }, (_, index) => ({
    ...rest,
    metadata: { ...rest.metadata, name: `web-${index}` },
  }));
  return JSON.stringify({ kind: 'PodList', apiVersion, metadata: { resourceVersion: '2855' }, items: pods });
}

/** The header fields of an API server's answer that are not about its length, type or time. */
export const answerFields: readonly (readonly [string, string])[] = [
  ['Audit-Id', '744673a5-38c8-46dc-b9f4-0f9960769957'],
  ['Cache-Control', 'no-cache, private'],
  ['X-Kubernetes-Pf-Flowschema-Uid', 'd38fef58-4f7f-4c14-a96e-802381a8debf'],
  ['X-Kubernetes-Pf-Prioritylevel-Uid', '6326ff2a-9b5a-434d-b8a7-2c5147e804d5'],
];
