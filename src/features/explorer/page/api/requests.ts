import { type ApiIndex, type ApiResource, groupVersion, isPlain, isPlainGroup } from './discovery.js';
import { isEvents } from './events.js';

/**
 * The one module that decides which requests this page may send. A fragment may come from anyone, so no path is copied from it: paths are
 * built here from resources that discovery lists, and from names that are one segment. All requests are GETs, except reviews, which store
 * nothing.
 */
export class ApiRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query for the API server. */
  readonly apiPath: string;
  /** The path of the cluster below the proxy's address, which precedes the path. */
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

  /** The discovery of the core group, or of all other groups. */
  static discovery(prefix: string, root: '/api' | '/apis'): ApiRequest {
    return ApiRequest.#of(prefix, root, {}, `${aggregated},${json}`);
  }

  /** The discovery of one version of a group, for an API server without aggregated discovery. */
  static versionDiscovery(prefix: string, group: string, version: string): ApiRequest {
    if (!isPlainGroup({ name: group }) || !isPlain(version)) throw new RefusedRequest('no such group');
    return ApiRequest.#of(prefix, versionPath({ group, version }));
  }

  /** A path that is not a resource, from a fixed list. */
  static nonResource(prefix: string, path: string, { verbose = false } = {}): ApiRequest {
    if (!nonResourcePaths.includes(path)) throw new RefusedRequest(`this page does not request ${path}`);
    return ApiRequest.#of(prefix, path, verbose ? { verbose: 'true' } : {}, '*/*');
  }

  /** The schemas of one version of a group. */
  static openApi(prefix: string, index: ApiIndex, resource: ApiResource): ApiRequest {
    return ApiRequest.#of(prefix, `/openapi/v3${versionPath(listed(index, resource, undefined))}`);
  }

  /** A list, as the table that kubectl prints, or with metadata only. */
  static list(
    prefix: string,
    index: ApiIndex,
    list: ListScope,
    page: Page = {},
    form: Form = 'table',
  ): ApiRequest {
    const path = collectionPath(listed(index, list.resource, 'list'), list.namespace);
    return ApiRequest.#of(
      prefix,
      path,
      { ...selectorsOf(list), ...page, ...wholeRows(list, form) },
      accepts[form],
    );
  }

  /** A watch: the changes of a list after a version. */
  static watch(
    prefix: string,
    index: ApiIndex,
    list: ListScope,
    resourceVersion: string,
    form: Form,
  ): ApiRequest {
    const path = collectionPath(listed(index, list.resource, 'watch'), list.namespace);
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      timeoutSeconds: '280',
      ...selectorsOf(list),
      ...wholeRows(list, form),
    };
    return ApiRequest.#of(prefix, path, query, accepts[form]);
  }

  /** One object, or its row of the table. */
  static object(prefix: string, index: ApiIndex, object: ObjectName, form: Form = 'object'): ApiRequest {
    return ApiRequest.#of(
      prefix,
      objectPath(listed(index, object.resource, 'get'), object),
      wholeRows(object, form),
      accepts[form],
    );
  }

  /** The log of a Pod's container, which is the only subresource that the page requests. */
  static log(prefix: string, index: ApiIndex, pod: ObjectName, log: LogQuery): ApiRequest {
    const { group, name, subresources } = listed(index, pod.resource, 'get');
    const canLog = group === '' && name === 'pods' && subresources.some(({ name }) => name === 'log');
    if (!canLog) throw new RefusedRequest(`${name} have no logs`);
    const { container, follow, previous, timestamps, tailLines, sinceTime } = log;
    const query = {
      container,
      tailLines: tailLines?.toString(),
      sinceTime,
      follow: flag(follow),
      previous: flag(previous),
      timestamps: flag(timestamps),
    };
    return ApiRequest.#of(prefix, `${objectPath(pod.resource, pod)}/log`, query, '*/*');
  }

  /** A review of the user's own name and permissions. The API server answers it and stores nothing. */
  static review(prefix: string, index: ApiIndex, kind: keyof typeof reviews, spec?: object): ApiRequest {
    const { group, name } = reviews[kind];
    const resource = index.preferred(group, name);
    if (resource === undefined) throw new RefusedRequest(`the API server has no ${name}`);
    const { version } = listed(index, resource, 'create');
    const body = { apiVersion: groupVersion({ group, version }), kind, ...(spec && { spec }) };
    return new ApiRequest(checkedPrefix(prefix), collectionPath(resource, ''), json, body);
  }
}

/** Thrown for a request that this page never sends. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
}

/** The objects of a list. An empty namespace means all namespaces. */
export interface ListScope {
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** The part of a list to read. */
interface Page {
  readonly limit?: string;
  readonly continue?: string;
}

/** The name of one object. The namespace is empty for an object without one. */
export interface ObjectName {
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly name: string;
}

/** The lines of a log to read. */
export interface LogQuery {
  readonly container?: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tailLines?: number;
  readonly sinceTime?: string;
}

/** The format of an answer. */
export type Form = 'table' | 'metadata' | 'object';

type Query = Readonly<Record<string, string | undefined>>;

const json = 'application/json';
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const accepts: Readonly<Record<Form, string>> = {
  table: `application/json;as=Table;g=meta.k8s.io;v=v1,${json}`,
  metadata: `application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,${json}`,
  object: json,
};

/** The paths that every API server has besides its resources. */
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

/** Path of one version of a group. */
export function versionPath({ group, version }: Pick<ApiResource, 'group' | 'version'>): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** Path of the objects of a resource, in one namespace or in all. */
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

/**
 * The names that the API server accepts (apimachinery `IsValidPathSegmentName`), but for those with a backslash or a character that nobody
 * sees. Such a name is one segment for every reader of the path.
 */
export function isSegmentName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/%\\]/.test(name) && isVisible(name);
}

/**
 * Whether people see each character of a text. A terminal acts on a control character in what is pasted, whatever quotes are around it; a
 * format character makes a text look like another one.
 */
export function isVisible(text: string): boolean {
  return !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);
}

function segment(name: string): string {
  if (!isSegmentName(name)) throw new RefusedRequest(`${JSON.stringify(name)} is not a valid name`);
  return encodeURIComponent(name).replaceAll('%3A', ':');
}

/** The path of a cluster from `/-/clusters`. It must consist of plain segments, so that it can never name another host. */
function checkedPrefix(prefix: string): string {
  const isPlainPath = /^(?:\/[^/?#\\]+)*$/.test(prefix) && !/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(prefix);
  if (!isPlainPath) throw new RefusedRequest('the path of the cluster is not valid');
  return prefix;
}

function selectorsOf({ labelSelector, fieldSelector }: ListScope): Query {
  return { labelSelector, fieldSelector };
}

/** The rows of events come with the events, because no column has their time. */
function wholeRows({ resource }: Pick<ListScope, 'resource'>, form: Form): Query {
  return form === 'table' && isEvents(resource) ? { includeObject: 'Object' } : {};
}

function flag(value: boolean | undefined): string | undefined {
  return value === true ? 'true' : undefined;
}

function queryOf(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = pairs.map(([key, value]) => `${key}=${encodeURIComponent(value as string)}`).join('&');
  return text === '' ? '' : `?${text}`;
}
