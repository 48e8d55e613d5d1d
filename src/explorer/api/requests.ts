import { type ApiIndex, type ApiResource, groupVersion, isPlain, isPlainGroup } from './discovery.js';

/**
 * The one module that decides what this page may ask for. A fragment may come from anyone, so no path is taken from it: paths are built here,
 * of resources that discovery lists and of names that are one segment. All are GET but the reviews, which store nothing.
 */
export class ApiRequest {
  readonly method: 'GET' | 'POST';
  /** Path of the API with its query, as the API server has it. */
  readonly apiPath: string;
  /** What stands before it: the cluster's path below the proxy's address. */
  readonly prefix: string;
  readonly accept: string;
  readonly body: string | undefined;

  private constructor(prefix: string, apiPath: string, accept: string, body?: object) {
    this.method = body === undefined ? 'GET' : 'POST';
    this.prefix = prefix;
    this.apiPath = apiPath;
    this.accept = accept;
    this.body = body && JSON.stringify(body);
  }

  static #of(prefix: string, path: string, query: Query = {}, accept = json): ApiRequest {
    return new ApiRequest(checkedPrefix(prefix), path + queryOf(query), accept);
  }

  /** What the API server has: of the core group, or of all others. */
  static discovery(prefix: string, root: '/api' | '/apis'): ApiRequest {
    return ApiRequest.#of(prefix, root, {}, `${aggregated},${json}`);
  }

  /** What an API server without aggregated discovery says of one version of a group. */
  static versionDiscovery(prefix: string, group: string, version: string): ApiRequest {
    if (!isPlainGroup({ name: group }) || !isPlain(version)) throw new RefusedRequest('no such group');
    return ApiRequest.#of(prefix, versionPath({ group, version }));
  }

  /** A path that is no resource, of a fixed list. */
  static nonResource(prefix: string, path: string, { verbose = false } = {}): ApiRequest {
    if (!nonResourcePaths.includes(path)) throw new RefusedRequest(`this page does not request ${path}`);
    return ApiRequest.#of(prefix, path, verbose ? { verbose: 'true' } : {}, '*/*');
  }

  /** The schemas of one version of a group. */
  static openApi(prefix: string, index: ApiIndex, resource: ApiResource): ApiRequest {
    return ApiRequest.#of(prefix, `/openapi/v3${versionPath(listed(index, resource, undefined))}`);
  }

  /** A list, as the table that kubectl prints, or of nothing but metadata. */
  static list(
    prefix: string,
    index: ApiIndex,
    list: ListScope,
    page: Page = {},
    form: Form = 'table',
  ): ApiRequest {
    const path = collectionPath(listed(index, list.resource, 'list'), list.namespace);
    return ApiRequest.#of(prefix, path, { ...selectorsOf(list), ...page }, accepts[form]);
  }

  /** What changes in a list from a version on. */
  static watch(
    prefix: string,
    index: ApiIndex,
    list: ListScope,
    resourceVersion: string,
    form: Form,
  ): ApiRequest {
    const path = collectionPath(listed(index, list.resource, 'watch'), list.namespace);
    const query = {
      ...{ watch: 'true', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds: '280' },
      ...selectorsOf(list),
    };
    return ApiRequest.#of(prefix, path, query, accepts[form]);
  }

  /** One object, or its row of the table. */
  static object(prefix: string, index: ApiIndex, object: ObjectName, form: Form = 'object'): ApiRequest {
    return ApiRequest.#of(
      prefix,
      objectPath(listed(index, object.resource, 'get'), object),
      {},
      accepts[form],
    );
  }

  /** The log of a Pod's container: the one subresource that is asked for. */
  static log(prefix: string, index: ApiIndex, pod: ObjectName, log: LogQuery): ApiRequest {
    const { group, name, subresources } = listed(index, pod.resource, 'get');
    const canLog = group === '' && name === 'pods' && subresources.some(({ name }) => name === 'log');
    if (!canLog) throw new RefusedRequest(`${name} have no logs`);
    const { container, follow, previous, timestamps, tailLines, sinceTime } = log;
    const query = {
      ...{ container, tailLines: tailLines?.toString(), sinceTime },
      ...{ follow: flag(follow), previous: flag(previous), timestamps: flag(timestamps) },
    };
    return ApiRequest.#of(prefix, `${objectPath(pod.resource, pod)}/log`, query, '*/*');
  }

  /** A review of the caller's own name and rights: it is answered and forgotten. */
  static review(prefix: string, index: ApiIndex, kind: keyof typeof reviews, spec?: object): ApiRequest {
    const { group, name } = reviews[kind];
    const resource = index.preferred(group, name);
    if (resource === undefined) throw new RefusedRequest(`the API server has no ${name}`);
    const { version } = listed(index, resource, 'create');
    const body = { apiVersion: groupVersion({ group, version }), kind, ...(spec && { spec }) };
    return new ApiRequest(checkedPrefix(prefix), collectionPath(resource, ''), json, body);
  }
}

/** Thrown for what this page never asks for. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
}

/** A list of objects: of all namespaces where there is none. */
export interface ListScope {
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Which part of a list. */
interface Page {
  readonly limit?: string;
  readonly continue?: string;
}

/** One object; the namespace is empty for what has none. */
export interface ObjectName {
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly name: string;
}

/** Which lines of a log. */
export interface LogQuery {
  readonly container?: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tailLines?: number;
  readonly sinceTime?: string;
}

/** What an answer is to be. */
export type Form = 'table' | 'metadata' | 'object';

type Query = Readonly<Record<string, string | undefined>>;

const json = 'application/json';
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const accepts: Readonly<Record<Form, string>> = {
  table: `application/json;as=Table;g=meta.k8s.io;v=v1,${json}`,
  metadata: `application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,${json}`,
  object: json,
};

/** What every API server has beside its resources. */
export const nonResourcePaths: readonly string[] = [
  ...['/version', '/livez', '/readyz', '/healthz', '/metrics', '/logs/'],
  ...['/openapi/v2', '/openapi/v3', '/.well-known/openid-configuration'],
];

const reviews = {
  SelfSubjectReview: { group: 'authentication.k8s.io', name: 'selfsubjectreviews' },
  SelfSubjectRulesReview: { group: 'authorization.k8s.io', name: 'selfsubjectrulesreviews' },
  SelfSubjectAccessReview: { group: 'authorization.k8s.io', name: 'selfsubjectaccessreviews' },
} as const;

/** The resource itself, if discovery lists exactly this one with the verb. */
function listed(index: ApiIndex, resource: ApiResource, verb: string | undefined): ApiResource {
  const { group, version, name, verbs } = resource;
  if (index.resource(group, version, name) !== resource)
    throw new RefusedRequest(`there is no resource ${name}`);
  if (verb !== undefined && !verbs.includes(verb))
    throw new RefusedRequest(`${name} do not support the verb ${verb}`);
  return resource;
}

function versionPath({ group, version }: Pick<ApiResource, 'group' | 'version'>): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** Path of a resource's objects, of one namespace or of all. */
export function collectionPath(resource: ApiResource, namespace: string): string {
  if (namespace !== '' && !resource.namespaced)
    throw new RefusedRequest(`${resource.name} have no namespace`);
  const within = namespace === '' ? '' : `/namespaces/${segment(namespace)}`;
  return `${versionPath(resource)}${within}/${resource.name}`;
}

/** Path of one object. */
export function objectPath(resource: ApiResource, { namespace, name }: Omit<ObjectName, 'resource'>): string {
  if (resource.namespaced && namespace === '') throw new RefusedRequest(`${resource.name} need a namespace`);
  return `${collectionPath(resource, namespace)}/${segment(name)}`;
}

/** The names that the API server takes (apimachinery `IsValidPathSegmentName`): what is left is one segment, whoever reads the path. */
export function isSegmentName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/%\\]/.test(name);
}

function segment(name: string): string {
  if (!isSegmentName(name)) throw new RefusedRequest(`${JSON.stringify(name)} is not a valid name`);
  return encodeURIComponent(name).replaceAll('%3A', ':');
}

/** A cluster's path as `/-/clusters` says it: plain segments, so that no host can be made of it. */
function checkedPrefix(prefix: string): string {
  const isPlainPath = /^(?:\/[^/?#\\]+)*$/.test(prefix) && !/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(prefix);
  if (!isPlainPath) throw new RefusedRequest('the path of the cluster is not valid');
  return prefix;
}

function selectorsOf({ labelSelector, fieldSelector }: ListScope): Query {
  return { labelSelector, fieldSelector };
}

function flag(value: boolean | undefined): string | undefined {
  return value === true ? 'true' : undefined;
}

function queryOf(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = pairs.map(([key, value]) => `${key}=${encodeURIComponent(value as string)}`).join('&');
  return text === '' ? '' : `?${text}`;
}
