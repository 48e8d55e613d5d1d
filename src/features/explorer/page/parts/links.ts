import type { ApiResource } from '../api/discovery.js';
import { collectionPath, isSegmentName, objectPath } from '../api/requests.js';
import { store } from '../store.js';

/** The fragment of an API path in the cluster that is shown. */
export function linkTo(path: string, query: Readonly<Record<string, string>> = {}): string {
  const pairs = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString();
  return `#${store.state.address.cluster}${path}${pairs === '' ? '' : `?${pairs}`}`;
}

/** The fragment of a list. */
export function linkToList(
  resource: ApiResource,
  namespace = '',
  query: Readonly<Record<string, string>> = {},
): string {
  return linkTo(collectionPath(resource, resource.namespaced ? namespace : ''), query);
}

/** The fragment of an object; undefined if its name is not valid. */
export function linkToObject(resource: ApiResource, namespace: string, name: string): string | undefined {
  const within = resource.namespaced ? namespace : '';
  if (!isSegmentName(name) || (resource.namespaced && !isSegmentName(within))) return undefined;
  return linkTo(objectPath(resource, { namespace: within, name }));
}
