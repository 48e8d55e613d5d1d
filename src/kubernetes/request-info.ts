import { fieldRequirements, requiredFieldValue } from './field-selector.js';
import { labelRequirements } from './label-selector.js';
import { isInt64, isTrue, parseQuery, type Query } from './query.js';

/** What a request asks of the API server: the fields of k8s.io/apiserver's `RequestInfo`. Fields that do not apply are ''. */
export interface RequestInfo {
  readonly isResourceRequest: boolean;
  /** Percent-decoded; otherwise as sent. */
  readonly path: string;
  /** get, list, watch, create, update, patch, delete, deletecollection, proxy; the lower-case HTTP method for non-resource paths. */
  readonly verb: string;
  /** `api` or `apis`. */
  readonly apiPrefix: string;
  /** '' is the core group. */
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  /** From the path, or from `fieldSelector=metadata.name=…` of a list or watch. */
  readonly name: string;
  /**
   * Whether the request may last as long as its client wants: kube-apiserver's `BasicLongRunningRequestCheck` (watch and proxy verbs;
   * attach, exec, proxy, log and portforward subresources; profiles).
   */
  readonly isLongRunning: boolean;
  /** Whether metrics use the verb `connect`, which they do for the exec, attach, portforward and proxy subresources with any method. */
  readonly isConnect: boolean;
  readonly scope: Scope;
}

/** The extent of a request, as in the API server's metrics (`CleanScope`): one object (named, or created), a namespace, the cluster, or none. */
type Scope = 'resource' | 'namespace' | 'cluster' | '';

const verbs: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);
const connectSubresources: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy']);
const longRunningSubresources: ReadonlySet<string> = new Set([...connectSubresources, 'log']);

// apis/GROUP/VERSION/watch/namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE: further parts do not count.
const maxParts = 9;

/**
 * Reads a request as the API server's `RequestInfoFactory` (prefixes `api` and `apis`) does. `path` is percent-decoded once, `query` is
 * raw and without `?`. Never throws: a path that the API server answers with an error (`/api/v1/watch`) keeps the fields read so far.
 */
export function parseRequestInfo(method: string, path: string, query: string): RequestInfo {
  const info = emptyInfo(method, path);
  readInto(info, method, query);
  const { isResourceRequest, verb, subresource } = info;
  info.isConnect = isResourceRequest && (verb === 'proxy' || connectSubresources.has(subresource));
  info.isLongRunning =
    verb === 'watch' ||
    verb === 'proxy' ||
    (isResourceRequest ? longRunningSubresources.has(subresource) : path.startsWith('/debug/pprof/'));
  if (info.name !== '' || verb === 'create') info.scope = 'resource';
  else if (info.namespace !== '') info.scope = 'namespace';
  else if (isResourceRequest) info.scope = 'cluster';
  return info;
}

type MutableInfo = { -readonly [Field in keyof RequestInfo]: RequestInfo[Field] };

function emptyInfo(method: string, path: string): MutableInfo {
  return {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    apiPrefix: '',
    apiGroup: '',
    apiVersion: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    isLongRunning: false,
    isConnect: false,
    scope: '',
  };
}

/** Reads the fields that the path and the query give. */
function readInto(info: MutableInfo, method: string, query: string): void {
  const parts = splitPath(info.path);
  const prefix = parts[0];
  if (parts.length < 3 || (prefix !== 'api' && prefix !== 'apis')) return;
  info.apiPrefix = prefix;
  let at = 1;
  if (prefix === 'apis') {
    if (parts.length < 4) return;
    info.apiGroup = parts[at++] as string;
  }
  info.isResourceRequest = true;
  info.apiVersion = parts[at++] as string;

  const special = parts[at];
  if (special === 'watch' || special === 'proxy') {
    if (at + 1 === parts.length) return;
    info.verb = special;
    at++;
  } else {
    info.verb = verbs.get(method) ?? '';
  }

  if (parts[at] === 'namespaces') {
    info.namespace = parts[at + 1] ?? '';
    const next = parts[at + 2];
    if (next !== undefined && next !== 'status' && next !== 'finalize') at += 2;
  }
  info.resource = parts[at] as string;
  info.name = parts[at + 1] ?? '';
  if (info.verb !== 'proxy') info.subresource = parts[at + 2] ?? '';

  if (info.name === '' && info.verb === 'get') {
    const parameters = parseQuery(query);
    info.verb = isWatch(parameters) ? 'watch' : 'list';
    info.name = selectedName(parameters);
  }
  if (info.name === '' && info.verb === 'delete') info.verb = 'deletecollection';
}

function splitPath(path: string): string[] {
  let start = 0;
  let end = path.length;
  while (path[start] === '/') start++;
  while (path[end - 1] === '/') end--;
  return path.slice(start, end).split('/', maxParts);
}

/** Whether the API server reads the request as a watch. If its options cannot be decoded, it compares `watch` by Go's ToLower instead. */
function isWatch(query: Query): boolean {
  const value = first(query, 'watch');
  if (value === undefined || value === '0' || value.toLowerCase() === 'false') return false;
  return isTrue(value) || !hasDecodableOptions(query);
}

/** The name to which a list or watch is restricted; '' if its options cannot be decoded, as in the API server. */
function selectedName(query: Query): string {
  const selector = first(query, 'fieldSelector');
  if (selector === undefined || !hasDecodableOptions(query)) return '';
  const name = requiredFieldValue(selector, 'metadata.name') ?? '';
  return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name;
}

/** Whether the parameters can be decoded into ListOptions. */
function hasDecodableOptions(query: Query): boolean {
  return (
    isInt64(first(query, 'limit') ?? '0') &&
    isInt64(first(query, 'timeoutSeconds') ?? '0') &&
    fieldRequirements(first(query, 'fieldSelector') ?? '') !== undefined &&
    labelRequirements(first(query, 'labelSelector') ?? '') !== undefined
  );
}

function first(query: Query, name: string): string | undefined {
  return query.get(name)?.[0];
}

/**
 * The proxy subresource of Pods, Services and nodes in the one spelling that every program reads alike. Names may contain a scheme and a
 * port (`https:web:443`).
 */
const plainSpelling = /^\/api\/v1\/(?:nodes|namespaces\/[\w.-]+\/(?:pods|services))\/[\w.:-]+\/proxy(?:\/|$)/;

/**
 * Returns the beginning of a path up to the final slash of `/api/v1/…/proxy/`, even if the path ends before that slash. Returns undefined
 * for all other paths, such as another spelling of that subresource, or a subresource of the same name in another group.
 *
 * @param path As sent, below the path of the server's URL.
 */
export function proxySubresource(path: string): string | undefined {
  const start = plainSpelling.exec(path)?.[0];
  return start === undefined || start.endsWith('/') ? start : `${start}/`;
}
