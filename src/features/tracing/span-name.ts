import type { RequestInfo } from '../../kubernetes/request-info.js';
import { copyOf } from '../../lib/copy-of.js';

/** The most characters of a part of a route that a client writes as it likes. */
const mostCharacters = 128;

/**
 * The path of a request for resources, with placeholders for names: `/api/v1/namespaces/{:namespace}/pods/{:name}`. Undefined for all other
 * paths. What stands behind a proxy subresource is no part of it.
 *
 * The API server names its spans so (k8s.io/apiserver, `getSpanNameFromRequestInfo`).
 */
export function routeOf(info: RequestInfo): string | undefined {
  if (!info.isResourceRequest) return undefined;
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

/** What a span says of the resources, with names that the project gives: there are no conventions for requests to Kubernetes. */
export function resourceAttributes(info: RequestInfo): Record<string, string> {
  const attributes: Record<string, string> = { 'kube_api_proxy.verb': info.verb };
  const optional = {
    'kube_api_proxy.api_group': info.apiGroup,
    'kube_api_proxy.resource': info.resource,
    'kube_api_proxy.namespace': info.namespace,
    'kube_api_proxy.subresource': info.subresource,
  };
  for (const [key, value] of Object.entries(optional)) {
    if (value) attributes[key] = copyOf(value, mostCharacters);
  }
  return attributes;
}
