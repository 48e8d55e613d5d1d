import type { RequestInfo } from '../../kubernetes/request-info.js';
import { copyOf } from '../../lib/copy-of.js';
import type { Attributes } from './spans.js';

/** The most characters of a text that a peer writes as it likes. */
export const mostCharacters = 128;

/** What the spans of a request say of it, in copies. */
export interface About {
  /** As the API server names its spans. */
  readonly name: string;
  readonly method: string;
  /** Names that begin with `kube_api_proxy` are the project's: there are no conventions for requests to Kubernetes. */
  readonly attributes: Attributes;
}

/** What the spans of a request with this method say of it. The caller may change the attributes. */
export function aboutOf(method: string, info: RequestInfo): About {
  const attributes: Attributes = { 'http.request.method': method, 'kube_api_proxy.verb': info.verb };
  const { apiGroup, resource, namespace, subresource } = info;
  if (apiGroup !== '') attributes['kube_api_proxy.api_group'] = copyOf(apiGroup, mostCharacters);
  if (resource !== '') attributes['kube_api_proxy.resource'] = copyOf(resource, mostCharacters);
  if (namespace !== '') attributes['kube_api_proxy.namespace'] = copyOf(namespace, mostCharacters);
  if (subresource !== '') attributes['kube_api_proxy.subresource'] = copyOf(subresource, mostCharacters);
  if (!info.isResourceRequest) return { name: method, method, attributes };
  const route = routeOf(info);
  attributes['http.route'] = route;
  return { name: `${method} ${route}`, method, attributes };
}

/**
 * The path of a request for resources, with placeholders for names: `/api/v1/namespaces/{:namespace}/pods/{:name}`. What stands behind a
 * proxy subresource is no part of it. The API server names its spans so (k8s.io/apiserver, `getSpanNameFromRequestInfo`).
 */
function routeOf(info: RequestInfo): string {
  const { apiPrefix, apiGroup, apiVersion, namespace, resource, name, subresource } = info;
  let route = `/${apiPrefix}`;
  if (apiGroup !== '') route += `/${apiGroup}`;
  route += `/${apiVersion}`;
  if (namespace !== '') route += '/namespaces/{:namespace}';
  if (resource) route += `/${resource}`;
  if (name !== '') route += '/{:name}';
  if (subresource !== '') route += `/${subresource}`;
  return copyOf(route, 4 * mostCharacters);
}

/** The attributes with the kind of the error, if there is one. */
export function withErrorType(attributes: Attributes, error: unknown): Attributes {
  if (error !== undefined) attributes['error.type'] = errorType(error);
  return attributes;
}

/** Why an answer counts as failed: a client's own mistake does not (OpenTelemetry, "HTTP spans"). */
export function failureOf(code: number, failure: Error | undefined): unknown {
  if (code >= 400 && code < 500) return undefined;
  return failure ?? (code === 0 ? 'aborted' : code >= 500 ? String(code) : undefined);
}

/** The reason that log and metrics have too, or else the kind of the error. Nothing of its text. */
function errorType(error: unknown): string {
  if (typeof error === 'string') return error;
  const { reason, code, name } = error as { reason?: unknown; code?: unknown; name?: unknown };
  for (const value of [reason, code, name]) {
    if (typeof value === 'string' || typeof value === 'number') return String(value);
  }
  return '_OTHER';
}
